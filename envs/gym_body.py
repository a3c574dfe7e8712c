"""A body as a gymnasium environment: one task per episode, the reward of ``envs.tasks``."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from envs.body import Body, load_body
from envs.body_files import AskedFor
from envs.stepper import Stepper
from envs.tasks import Floats, reward, sample_tasks

_SECONDS = 100.0  # an episode at the longest


class BodyEnv(gymnasium.Env[Floats, NDArray[np.float32]]):
    """One body. Observations are the toy coordinates, the heading, and the body's own features without its place.

    The heading (rad) is there where the body turns in the plane: its own features are as they look from it. The task is
    drawn on reset and told in ``info`` alone.

    Args:
        body: name, path of a TOML, or a body that was read already.
        tasks: ``basic`` (velocity and goal) or ``all`` kinds; of a body that was read already, its own.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 (gymnasium's own interface)

    def __init__(self, body: str | Body = "cheetah", tasks: AskedFor = "basic") -> None:
        self._body = load_body(body, tasks) if isinstance(body, str) else body
        self._stepper = Stepper(self._body, 1, threads=1)
        features = agent_observation(self._stepper).shape[1]
        self.observation_space = Box(-np.inf, np.inf, (features,), np.float64)
        self.action_space = Box(-1.0, 1.0, (self._stepper.nu,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Floats, dict[str, Any]]:
        super().reset(seed=seed)
        self._tasks = sample_tasks(self.np_random, 1, self._body.task_ranges, self._body.space)
        self._stepper.reset(self.np_random)
        self._seconds = 0.0
        return self._observe(), {"task": self._tasks.labels()[0]}

    def step(self, action: NDArray[np.float32]) -> tuple[Floats, float, bool, bool, dict[str, Any]]:
        self._stepper.step(np.asarray(action, dtype=np.float64)[None])
        self._seconds += self._body.dt
        earned = float(reward(self._tasks, self._stepper.coordinates())[0])
        return self._observe(), earned, bool(self._stepper.fallen()[0]), self._seconds >= _SECONDS, {}

    def _observe(self) -> Floats:
        return agent_observation(self._stepper)[0]


def turns(body: Body) -> bool:
    """Whether a body's observation has its heading."""
    return body.coordinates.heading is not None and body.coordinates.y is not None


def agent_observation(stepper: Stepper) -> Floats:
    """(n, features): toy coordinates, the heading if the body turns in the plane, the body's own features."""
    heading = [stepper.heading()[:, None]] if turns(stepper.body) else []
    return np.concatenate([stepper.coordinates(), *heading, stepper.observation()], axis=1)
