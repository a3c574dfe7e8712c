"""Resuming a PPO training exactly where it was: weights, optimiser, statistics, bodies and random states.

Safetensors and JSON only. A checkpoint is written aside and renamed, so that a kill leaves the previous one.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecNormalize

from envs.commands import CommandedBodies
from stages.contract import write_json, write_tensors

_STATISTICS = ("obs_rms", "ret_rms")
_COUNTERS = ("num_timesteps", "_n_updates")


class PPOCheckpoint:
    """The state of one training, saved to and restored from a folder."""

    def __init__(self, folder: Path, model: PPO, normalised: VecNormalize, bodies: CommandedBodies) -> None:
        self.folder, self.model, self.normalised, self.bodies = folder, model, normalised, bodies

    def save(self, rows: list[dict[str, float]]) -> None:
        """Write everything that the rest of the training depends on, and the learning curve so far."""
        aside = self.folder.with_suffix(".aside")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        write_tensors(aside / "state.safetensors", self._tensors())
        write_json(aside / "state.json", {**self._numbers(), "rows": rows})
        shutil.rmtree(self.folder, ignore_errors=True)
        aside.replace(self.folder)

    def restore(self) -> list[dict[str, float]]:
        """Take the training up again if a checkpoint is there; returns the learning curve so far."""
        if not (self.folder / "state.json").exists():
            return []
        state = json.loads((self.folder / "state.json").read_text())
        self._set_tensors(load_file(self.folder / "state.safetensors"))
        self._set_numbers(state)
        return state["rows"]

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
        tensors |= {f"policy.{name}": value for name, value in self.model.policy.state_dict().items()}
        for index, moments in self.model.policy.optimizer.state_dict()["state"].items():
            tensors |= {f"adam.{index}.{name}": torch.as_tensor(value) for name, value in moments.items()}
        return tensors | {"torch": torch.get_rng_state()}

    def _set_tensors(self, tensors: dict[str, torch.Tensor]) -> None:
        # Copies, because what safetensors maps may be aligned differently, and kernels round by alignment.
        array = {name: value.numpy().copy() for name, value in tensors.items()}
        self.model._last_obs, self.model._last_episode_starts = array["last_obs"], array["starts"]
        self.normalised.returns = array["returns"]
        self.normalised.old_obs, self.normalised.old_reward = array["raw_obs"], array["raw_rewards"]
        self.bodies.restore(*(array[f"bodies.{name}"] for name in ("state", "age", "means", "kind", "target")))
        for name in _STATISTICS:
            statistic = getattr(self.normalised, name)
            statistic.mean, statistic.var = array[f"{name}.mean"], array[f"{name}.var"]
        self.model.policy.load_state_dict(_below(tensors, "policy."))
        adam = self.model.policy.optimizer.state_dict()
        indices = sorted({int(name.split(".")[0]) for name in _below(tensors, "adam.")})
        adam["state"] = {i: _below(tensors, f"adam.{i}.") for i in indices}
        self.model.policy.optimizer.load_state_dict(adam)
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


def _below(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
