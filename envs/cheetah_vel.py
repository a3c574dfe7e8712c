"""The velocity task of the meta-RL literature ("cheetah-vel"): its speeds, its reward, and bodies practising it.

The reward is -|v - v*| - 0.05 |a|^2 per control step, v being the mean speed over the step; an episode has 200 steps.
"""

from __future__ import annotations

import numpy as np

from envs.body import Body
from envs.commands import Commands, low_level_observation
from envs.practice import CommandedBodies, Practice
from envs.tasks import VELOCITY, Floats

#: m/s; speeds asked for are uniform from 0 to here.
TOP = 3.0
#: Control steps per episode.
STEPS = 200
_EFFORT = 0.05
#: PEARL draws this many speeds with this seed and holds the last ones out.
_SEED, _TASKS, _HELD_OUT = 1337, 130, 30


def held_out_speeds() -> Floats:
    """(30,) m/s: the speeds that PEARL keeps for its evaluation."""
    return np.random.RandomState(_SEED).uniform(0.0, TOP, _TASKS)[-_HELD_OUT:]


def effort(actions: Floats) -> Floats:
    """(n,): what actions (n, joints) cost."""
    return _EFFORT * (np.clip(actions, -1.0, 1.0) ** 2).sum(axis=1)


def at_speeds(body: Body, speeds: Floats) -> Commands:
    """Commands for the speeds (n,) m/s."""
    return Commands(body, np.full(len(speeds), VELOCITY), speeds)


class SpeedPractice(CommandedBodies):
    """Bodies that are told a speed at the start of each episode and earn the literature's reward."""

    def __init__(self, body: Body, n: int, seed: int) -> None:
        super().__init__(body, n, seed, Practice(seconds=STEPS * body.dt, change=np.inf, fall_cost=0.0))

    def reset(self) -> Floats:
        super().reset()
        self._replace(np.ones(self.n, dtype=bool))
        return low_level_observation(self.stepper, self.commands)

    def step(self, actions: Floats) -> tuple[Floats, Floats, np.ndarray, np.ndarray, Floats]:
        self._effort, self._from = effort(actions), self.stepper.coordinates()[:, 0]
        return super().step(actions)

    def _rewards(self) -> Floats:
        speed = (self.stepper.coordinates()[:, 0] - self._from) / self.body.dt
        return -np.abs(speed - self.commands.target) - self._effort

    def _replace(self, rows: np.ndarray) -> None:
        speeds = self.rng.uniform(0.0, TOP, int(rows.sum()))
        self.commands = self.commands.replaced(rows, at_speeds(self.body, speeds))
