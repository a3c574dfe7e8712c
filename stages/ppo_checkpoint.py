"""Resuming a PPO training exactly where it was: weights, optimiser, statistics, bodies and random states."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecNormalize

from envs.practice import CommandedBodies
from stages.checkpoint import Checkpoint, adam_moments, below, prefixed, set_adam

_STATISTICS = ("obs_rms", "ret_rms")
_COUNTERS = ("num_timesteps", "_n_updates")


class PPOCheckpoint:
    """The state of one training, saved to and restored from a folder."""

    def __init__(self, folder: Path, model: PPO, normalised: VecNormalize, bodies: CommandedBodies) -> None:
        self._checkpoint = Checkpoint(folder)
        self.model, self.normalised, self.bodies = model, normalised, bodies
        self._drawing: torch.Tensor | None = None

    def save(self, rows: list[dict[str, float]]) -> None:
        """Write everything that the rest of the training depends on, and the learning curve so far."""
        self._checkpoint.write(self._tensors(), {**self._numbers(), "rows": rows})

    def restore(self) -> list[dict[str, float]]:
        """Take the training up again if a checkpoint is there; returns the learning curve so far."""
        kept = self._checkpoint.read()
        if kept is None:
            return []
        tensors, numbers = kept
        self._set_tensors(tensors)
        self._drawing = tensors["torch"]
        self._set_numbers(numbers)
        return numbers["rows"]

    def go_on(self) -> None:
        """Take up torch's generator where a rollout begins and checkpoints are written: SB3 has drawn from it since."""
        if self._drawing is not None:
            torch.set_rng_state(self._drawing)
            self._drawing = None

    def _tensors(self) -> dict[str, torch.Tensor]:
        assert isinstance(self.model._last_obs, np.ndarray)
        arrays = {
            "last_obs": self.model._last_obs,
            "starts": self.model._last_episode_starts,
            "returns": self.normalised.returns,
            "raw_obs": self.normalised.old_obs,
            "raw_rewards": self.normalised.old_reward,
            "bodies.state": self.bodies.stepper.state,
            "bodies.age": self.bodies.age,
            "bodies.means": self.bodies.means,
            "bodies.kind": self.bodies.commands.kind,
            "bodies.target": self.bodies.commands.target,
        }
        for name in _STATISTICS:
            statistic = getattr(self.normalised, name)
            arrays |= {f"{name}.mean": np.asarray(statistic.mean), f"{name}.var": np.asarray(statistic.var)}
        tensors = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
        tensors |= prefixed("policy", self.model.policy.state_dict())
        tensors |= prefixed("adam", adam_moments(self.model.policy.optimizer))
        return tensors | {"torch": torch.get_rng_state()}

    def _set_tensors(self, tensors: dict[str, torch.Tensor]) -> None:
        array = {name: value.numpy() for name, value in tensors.items()}
        self.model._last_obs, self.model._last_episode_starts = array["last_obs"], array["starts"]
        self.normalised.returns = array["returns"]
        self.normalised.old_obs, self.normalised.old_reward = array["raw_obs"], array["raw_rewards"]
        self.bodies.restore(*(array[f"bodies.{name}"] for name in ("state", "age", "means", "kind", "target")))
        for name in _STATISTICS:
            statistic = getattr(self.normalised, name)
            statistic.mean, statistic.var = array[f"{name}.mean"], array[f"{name}.var"]
        self.model.policy.load_state_dict(below(tensors, "policy"))
        set_adam(self.model.policy.optimizer, below(tensors, "adam"))
        torch.set_rng_state(tensors["torch"])

    def _numbers(self) -> dict[str, Any]:
        generator = np.random.get_state(legacy=False)
        return {
            "counters": {name: getattr(self.model, name) for name in _COUNTERS},
            "counts": {name: float(getattr(self.normalised, name).count) for name in _STATISTICS},
            "bodies": self.bodies.rng.bit_generator.state,
            "numpy": {
                **generator,
                "state": {"key": generator["state"]["key"].tolist(), "pos": generator["state"]["pos"]},
            },
        }

    def _set_numbers(self, state: dict[str, Any]) -> None:
        for name, value in state["counters"].items():
            setattr(self.model, name, value)
        for name, value in state["counts"].items():
            getattr(self.normalised, name).count = value
        self.bodies.rng.bit_generator.state = state["bodies"]
        np.random.set_state(state["numpy"])
