"""Contexts to learn task inference from: randomised toys driven by mixed behaviours, the learner's own among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from envs.tasks import GOAL, TOY_RANGES, VELOCITY, Floats, Tasks, sample_tasks
from envs.toy import DRAG, FORCE, STEP, Randomisation, Toys
from models.inference import CONTEXT
from models.toy_agent import ToyAgent
from stages.configs.toy_inference import ToyInferenceConfig

#: Share of the contexts that the learner drives itself.
_OWN = 0.33
#: When it takes over from a script, decisions.
_TAKES_OVER = (0, 0, 8, 16, 24)
#: Chance per decision that a scripted behaviour is replaced, and the noise levels added to actions.
_SWITCH, _NOISE = 0.07, (0.0, 0.0, 0.01, 0.1, 0.3)
#: Relative error of the slightly wrong oracle.
_WRONG = 0.1
#: Starts reach this far (m): within the goals, and where a velocity task leads in the end.
_FIELD, _FAR = 30.0, 600.0


@dataclass(frozen=True)
class Practice:
    """Contexts: tasks (n,), starts (n, 2), transitions (n, 32, 5) and actions (n, 32)."""

    tasks: Tasks
    starts: Tensor
    transitions: Tensor
    actions: Tensor

    def rows(self, index: np.ndarray) -> Practice:
        """The contexts at these positions."""
        at = torch.as_tensor(index)
        return Practice(self.tasks[index], self.starts[at], self.transitions[at], self.actions[at])


def oracle_action(tasks: Tasks, coordinates: Floats) -> Floats:
    """What the clean law's best policy does when it knows the task (n,); greedy is optimal, the toy has no inertia."""
    speed = FORCE / DRAG
    to_goal = (tasks.specification - coordinates[:, 0]) / (speed * STEP)
    return np.clip(np.where(tasks.kind == GOAL, to_goal, tasks.specification / speed), -1.0, 1.0)


def draw(rng: np.random.Generator, train: Tasks, n: int) -> Tasks:
    """n training tasks, small specifications more often: there an error weighs most, as it is relative."""
    weight = 1.0 / np.sqrt(np.abs(train.specification))
    weight /= np.bincount(train.kind, weight)[train.kind] * len(np.unique(train.kind))
    return train[rng.choice(len(train), n, p=weight)]


@torch.no_grad()
def practise(rng: np.random.Generator, train: Tasks, agent: ToyAgent, config: ToyInferenceConfig, n: int) -> Practice:
    """n contexts of full length on training tasks."""
    tasks = draw(rng, train, n)
    randomisation = Randomisation.sample(rng, n, config.clean, config.noise, config.stride, config.lag)
    toys = Toys(tasks, rng, randomisation)
    toys.coordinates[:, 0] = _starts(rng, tasks, toys.coordinates[:, 0])
    starts = _tensor(toys.coordinates)
    script, own = _Script(rng, tasks), round(_OWN * n)
    takes_over = rng.choice(_TAKES_OVER, own)
    state, z = torch.zeros(1, own, agent.encoder.width), agent.encoder.empty(own)
    transitions, actions = np.empty((n, CONTEXT, 5)), np.empty((n, CONTEXT))
    for t in range(CONTEXT):
        before = toys.coordinates
        action = script.action(before)
        learnt = agent.policy(_tensor(before[:own]), z).numpy() + script.little_noise(own)
        action[:own] = np.where(t >= takes_over, learnt, action[:own])
        after, reward = toys.step(action)
        transitions[:, t] = np.concatenate([before, reward[:, None], after], axis=1)
        actions[:, t] = np.clip(action, -1.0, 1.0)
        state, z = agent.encoder.follow(state, _tensor(transitions[:own, : t + 1]))
    return Practice(tasks, starts, _tensor(transitions), _tensor(actions))


def _starts(rng: np.random.Generator, tasks: Tasks, at_origin: Floats) -> Floats:
    """Positions (n,): the origin, anywhere in the field, or where the task leads: near the goal, or far out."""
    n = len(tasks)
    anywhere = rng.uniform(-_FIELD, _FIELD, n)
    far = np.sign(anywhere) * np.exp(rng.uniform(0.0, np.log(_FAR), n))
    near_goal = tasks.specification * (1.0 + 0.1 * rng.standard_normal(n))
    settled = np.where(tasks.kind == VELOCITY, far, near_goal)
    return np.choose(rng.choice(4, n, p=(0.35, 0.1, 0.05, 0.5)), [at_origin, anywhere, far, settled])


class _Script:
    """Behaviours that replace each other: oracles of the task, of the task slightly wrong, of another; constants.

    The slightly wrong one settles beside the target, where every reward is the same and leaves two explanations.
    """

    def __init__(self, rng: np.random.Generator, tasks: Tasks) -> None:
        self.rng, self.n = rng, len(tasks)
        wrong = Tasks(tasks.kind, tasks.specification * (1.0 + _WRONG * rng.standard_normal(self.n)))
        self.oracles = (tasks, wrong, sample_tasks(rng, self.n, TOY_RANGES))
        self.mode, self.constant = self._modes(), rng.uniform(-1.0, 1.0, self.n)
        self.noise = rng.choice(_NOISE, self.n)

    def action(self, coordinates: Floats) -> Floats:
        """Actions (n,) with noise, and now and then another behaviour."""
        switch = self.rng.random(self.n) < _SWITCH
        self.mode = np.where(switch, self._modes(), self.mode)
        self.constant = np.where(switch, self.rng.uniform(-1.0, 1.0, self.n), self.constant)
        options = [oracle_action(tasks, coordinates) for tasks in self.oracles]
        chosen = np.choose(self.mode, [*options, self.constant, 0.1 * self.constant])
        return chosen + self.noise * self.rng.standard_normal(self.n)

    def little_noise(self, n: int) -> Floats:
        """Noise (n,) for the learner's own actions: its smaller levels."""
        return np.where(self.noise < 0.05, self.noise, 0.0)[:n] * self.rng.standard_normal(n)

    def _modes(self) -> np.ndarray:
        return self.rng.integers(0, 5, self.n)


def _tensor(values: Floats) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float32)
