"""A body acted out: tasks that change unannounced, one after the other, step by step, with what was believed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from envs.body import Body
from envs.tasks import Floats, Ints, Tasks, active_coordinate
from models.controller import Controller
from stages.controls import Stack
from stages.decisions import DecidingBodies
from stages.uncertainty import specification_interval

_SEED = 50_021


@dataclass(frozen=True)
class Moment:
    """One control step.

    Attributes:
        state: (columns,) of the physics.
        asked: number of the task in the script.
        value: of the coordinate that the task is about.
        posterior: (base tasks,) probabilities.
        estimate: specification believed, with the bounds of its 90 % interval, of the likeliest kind.
        command: global kind id and signed amount.
        stride: control steps that this decision lasts, and which of them this is, from 1.
    """

    state: Floats
    asked: int
    value: float
    posterior: Floats
    estimate: tuple[float, float, float]
    command: tuple[int, float]
    stride: tuple[int, int]


@dataclass(frozen=True)
class Take:
    """What a control did: one moment per control step, until the script ends or the body falls."""

    control: str
    script: Tasks
    moments: list[Moment]
    fell: bool

    def at(self, step: int) -> Moment:
        """The moment at a control step; the last one once it has fallen."""
        return self.moments[min(step, len(self.moments) - 1)]


@torch.no_grad()
def act_out(body: Body, stack: Stack, controller: Controller, control: str, script: Tasks, seconds: float) -> Take:
    """Let a control do each task of the script for so many seconds of simulated time.

    A task takes over at the first end of a stride after its time has come.
    """
    bodies = DecidingBodies(body, controller.act, stack.encoder(control), 1, np.random.default_rng(_SEED))
    bodies.reset(script[:1])
    moments: list[Moment] = []
    wanted = round(seconds * len(script) / body.dt)  # 0 if it is to do nothing
    while len(moments) < wanted and not bodies.fallen[0]:
        asked = min(int(len(moments) * body.dt / seconds + 1e-9), len(script) - 1)
        bodies.tasks = script[asked : asked + 1]
        moments += _decide(bodies, stack, control, asked)
    return Take(control, script, moments[:wanted], bool(bodies.fallen[0]))


def _decide(bodies: DecidingBodies, stack: Stack, control: str, asked: int) -> list[Moment]:
    """The moments of one decision: what is believed and commanded stays, where the body is changes."""
    task = bodies.tasks
    posterior, estimate = _believed(bodies, stack, control)
    decision = stack.decide(control, bodies)
    kind, amount = decision.kind.numpy(), decision.amount.numpy().astype(np.float64)
    outcome = bodies.decide(kind, amount, decision.stride.numpy())
    taken = int(outcome.stride[0])
    values = active_coordinate(task, outcome.coordinates[:, :taken].transpose(1, 0, 2))[:, 0]
    command, stride = (int(kind[0]), float(amount[0])), int(decision.stride[0])
    return [
        Moment(outcome.states[0, i], asked, float(values[i]), posterior, estimate, command, (stride, i + 1))
        for i in range(taken)
    ]


def _believed(bodies: DecidingBodies, stack: Stack, control: str) -> tuple[Floats, tuple[float, float, float]]:
    """Posterior (base tasks,) and the specification of the likeliest kind, as the control takes them."""
    space, task = bodies.body.space, bodies.tasks
    if control == "oracle":
        told = float(task.specification[0])
        return np.eye(len(space.base_tasks))[task.base_task[0]], (told, told, told)
    latent = bodies.latent()
    logits, estimates = stack.toy.head(torch.zeros_like(latent) if control == "no_inference" else latent)
    place: Ints = space.kind_of_base_task[logits.argmax(dim=-1).numpy()]
    posterior, estimate = logits.softmax(dim=-1)[0].numpy().astype(np.float64), float(estimates[0, place[0]])
    if control == "no_inference":
        return posterior, (estimate, estimate, estimate)
    low, high = specification_interval(stack.toy, bodies.encoder, bodies.belief, place)
    return posterior, (estimate, float(low[0]), float(high[0]))
