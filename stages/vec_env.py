"""Commanded bodies as the one vectorised environment that Stable-Baselines3 sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Box
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvObs, VecEnvStepReturn

from envs.practice import CommandedBodies


class CommandVecEnv(VecEnv):
    """``CommandedBodies`` behind SB3's interface; falls terminate, time limits truncate."""

    def __init__(self, bodies: CommandedBodies) -> None:
        self.bodies = bodies
        observation = Box(-np.inf, np.inf, (bodies.observation_size,), np.float32)
        super().__init__(bodies.n, observation, Box(-1.0, 1.0, (bodies.stepper.nu,), np.float32))
        self._actions = np.zeros((bodies.n, bodies.stepper.nu))

    def reset(self) -> VecEnvObs:
        return self.bodies.reset().astype(np.float32)

    def step_async(self, actions: np.ndarray) -> None:
        self._actions = actions.astype(np.float64)

    def step_wait(self) -> VecEnvStepReturn:
        observations, rewards, fell, timed_out, last = self.bodies.step(self._actions)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for i in np.flatnonzero(fell | timed_out):
            infos[i] = {"TimeLimit.truncated": bool(timed_out[i]), "terminal_observation": last[i].astype(np.float32)}
        return observations.astype(np.float32), rewards.astype(np.float32), fell | timed_out, infos

    def close(self) -> None:
        return None

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        return [getattr(self.bodies, attr_name, None)] * self._count(indices)

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        raise NotImplementedError("the bodies of one batch share their attributes")

    def env_method(self, method_name: str, *args: Any, indices: VecEnvIndices = None, **kwargs: Any) -> list[Any]:
        raise NotImplementedError("the bodies of one batch have no separate methods")

    def env_is_wrapped(self, wrapper_class: type, indices: VecEnvIndices = None) -> list[bool]:
        return [False] * self._count(indices)

    def _count(self, indices: VecEnvIndices) -> int:
        return self.num_envs if indices is None else len(indices) if isinstance(indices, Sequence) else 1
