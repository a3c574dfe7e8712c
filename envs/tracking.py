"""How well a controller obeys commands when it is told the truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from envs.body import Body
from envs.commands import Commands, low_level_observation
from envs.practice import Skill
from envs.stepper import Stepper
from envs.tasks import VELOCITY, Floats, Ints, Tasks, active_coordinate

_SECONDS = 10.0  # an episode; its second half is measured
_MEAN_OVER = 0.5  # s over which a velocity is averaged
_POSITION_SHARES = (0.1, 1 / 6, 1 / 3, 0.5, 2 / 3, 1.0)
_VELOCITY_SHARES = (1 / 6, 1 / 3, 0.5, 2 / 3, 5 / 6, 1.0)


@dataclass(frozen=True)
class Tracking:
    """Errors relative to the amount asked for, over the second half of 10 s.

    Attributes:
        kind, amount: the commands (n,).
        error: instantaneous (n,).
        mean_error: of the velocity averaged over half a second; for positions the same as ``error``.
        fell: whether the body left its healthy range.
    """

    kind: Ints
    amount: Floats
    error: Floats
    mean_error: Floats
    fell: np.ndarray


def measured_commands(body: Body, skill: Skill | None = None, only: float | None = None) -> tuple[Ints, Floats]:
    """The commands that are measured: shares of the trained range, front and back, or one velocity (m/s) alone.

    Args:
        skill: whose commands they are; by default all.
    """
    if only is not None:
        return np.array([VELOCITY]), np.array([only])
    measured, amounts = [], []
    for kind in body.space.kind_ids if skill is None else skill.kinds:
        place = int(body.space.place(kind))
        shares = _VELOCITY_SHARES if body.space.velocity_like[place] else _POSITION_SHARES
        signs = [1] if body.space.unsigned[place] else [1, -1]
        signs = [skill.sign] if skill is not None and skill.sign else signs
        amounts.append(np.outer(signs, shares).ravel() * body.command_limits[kind])
        measured.append(np.full(len(amounts[-1]), kind))
    return np.concatenate(measured), np.concatenate(amounts)


def track(
    body: Body,
    act: Callable[[Floats], Floats],
    seed: int,
    repeats: int,
    skill: Skill | None = None,
    only: float | None = None,
) -> Tracking:
    """Give every measured command ``repeats`` times to fresh bodies driven by ``act``: observations to actions."""
    kind, amount = measured_commands(body, skill, only)
    kind, amount = np.tile(kind, repeats), np.tile(amount, repeats)
    stepper = Stepper(body, len(kind))
    stepper.reset(np.random.default_rng(seed))
    commands = Commands.relative(body, kind, amount, stepper.coordinates())
    steps, tasks = round(_SECONDS / body.dt), Tasks(kind, amount, body.space)
    errors, reached, fell = np.empty((steps, len(kind))), np.empty((steps, len(kind))), np.zeros(len(kind), bool)
    for t in range(steps):
        stepper.step(act(low_level_observation(stepper, commands)))
        errors[t] = commands.error(stepper.coordinates())
        reached[t] = active_coordinate(tasks, stepper.coordinates())
        fell |= stepper.fallen()
    half, window = steps // 2, max(round(_MEAN_OVER / body.dt), 1)
    whole = reached[half : half + (steps - half) // window * window]
    means = whole.reshape(-1, window, len(kind)).mean(axis=1)
    error = errors[half:].mean(axis=0) / np.abs(amount)
    velocity_like = body.space.velocity_like[body.space.place(kind)]
    mean_error = np.where(velocity_like, np.abs(means - amount).mean(axis=0) / np.abs(amount), error)
    return Tracking(kind, amount, error, mean_error, fell)
