"""Bodies with observation, reward, falls and resets against ``mujoco.rollout`` alone, in turns."""

from __future__ import annotations

import time

import mujoco
import mujoco.rollout
import numpy as np
import pytest

from envs.body import load_body
from envs.practice import CommandedBodies, Practice
from envs.stepper import Stepper
from envs.tasks import Floats, Tasks, reward, sample_tasks
from stages.plan import Settings
from tests.benchmarks.table import Recorder

_TURNS, _STEPS = 15, 40
_THREADS = 2
#: Short enough that resets take place while the clock runs.
_EPISODE_SECONDS = 1.0


@pytest.mark.parametrize("n", [64, 256])
def test_stepper(settings: Settings, record: Recorder, n: int) -> None:
    body = load_body(settings.body)
    rng = np.random.default_rng(0)
    bodies = CommandedBodies(body, n, 0, Practice(_EPISODE_SECONDS, change=3.0, fall_cost=100.0))
    bodies.stepper = Stepper(body, n, _THREADS)
    bodies.reset()
    tasks = sample_tasks(rng, n, body.task_ranges)
    bare = _Bare(bodies.stepper)
    ours, theirs = np.empty(_TURNS), np.empty(_TURNS)
    for turn in range(_TURNS):
        actions = rng.uniform(-1.0, 1.0, (_STEPS, n, bodies.stepper.nu))
        start = bodies.stepper.state.copy()
        # Whoever comes second finds the caches warm.
        if turn % 2:
            ours[turn], theirs[turn] = _timed(bodies, tasks, actions), bare.timed(start, actions)
        else:
            theirs[turn], ours[turn] = bare.timed(start, actions), _timed(bodies, tasks, actions)
    speed, limit = (n * _STEPS / np.median(seconds) for seconds in (ours, theirs))
    note = f"{speed:,.0f} of {limit:,.0f} control steps/s, {_THREADS} threads, {_TURNS} turns"
    what = f"stepper with observation, reward, reset, {n} bodies, share of bare mujoco.rollout"
    record.at_least(what, 0.80, float(np.median(theirs / ours)), note=note)


def _timed(bodies: CommandedBodies, tasks: Tasks, actions: Floats) -> float:
    """Seconds for actions (steps, n, nu) through everything that a training asks of the bodies."""
    began = time.perf_counter()
    for action in actions:
        bodies.step(action)
        reward(tasks, bodies.stepper.coordinates())
    return time.perf_counter() - began


class _Bare:
    """The same physics with nothing around it: control and result in place before the clock runs."""

    def __init__(self, stepper: Stepper) -> None:
        self.model, self.n, self.skip = stepper.model, stepper.n, stepper.body.steps_per_control
        self.rollout = mujoco.rollout.Rollout(nthread=_THREADS)
        self.datas = [mujoco.MjData(self.model) for _ in range(_THREADS)]
        self.result = np.empty((self.n, self.skip, stepper.state.shape[1]))

    def timed(self, state: Floats, actions: Floats) -> float:
        """Seconds for actions (steps, n, nu) from states (n, size)."""
        controls = [np.repeat(action[:, None, :], self.skip, axis=1) for action in actions]
        models = [self.model] * self.n
        began = time.perf_counter()
        for control in controls:
            self.rollout.rollout(
                models, self.datas, state, control, skip_checks=True, nstep=self.skip, state=self.result
            )
            state = self.result[:, -1]
        return time.perf_counter() - began
