"""Checkpoints: all that the rest of a training depends on, as safetensors and JSON.

One is written aside and renamed, so that a kill leaves the previous one.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from stages.contract import write_json, write_tensors

Tensors = dict[str, Tensor]
#: A training of any length is saved about so many times.
SAVES = 20


class Checkpoint:
    """Tensors and numbers in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
        """Take the place of the previous one."""
        aside = self.folder.with_suffix(".aside")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        write_tensors(aside / "state.safetensors", tensors)
        write_json(aside / "state.json", numbers)
        shutil.rmtree(self.folder, ignore_errors=True)
        aside.replace(self.folder)

    def read(self) -> tuple[Tensors, dict[str, Any]] | None:
        """What was written last; None before that."""
        if not (self.folder / "state.json").exists():
            return None
        # Copies, because what safetensors maps may be aligned differently, and kernels round by alignment.
        tensors = {name: value.clone() for name, value in load_file(self.folder / "state.safetensors").items()}
        return tensors, json.loads((self.folder / "state.json").read_text())


class TrainingCheckpoint:
    """A training of some modules by one optimiser: their state, that of both generators, and what its stage adds.

    Args:
        folder: where it is kept.
        modules: by name.
        optimiser: of their parameters.
        rng: the stage's own generator; torch's is global.
    """

    def __init__(
        self, folder: Path, modules: Mapping[str, nn.Module], optimiser: torch.optim.Adam, rng: np.random.Generator
    ) -> None:
        self._checkpoint, self._modules, self._optimiser, self._rng = Checkpoint(folder), modules, optimiser, rng

    def save(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
        """Keep everything, the stage's own tensors and numbers with it."""
        states = {name: module.state_dict() for name, module in self._modules.items()}
        groups = self._optimiser.state_dict()["param_groups"]
        self._checkpoint.write(
            {
                **prefixed("own", tensors),
                **{k: v for name, state in states.items() for k, v in prefixed(f"module.{name}", state).items()},
                **prefixed("adam", adam_moments(self._optimiser)),
                "torch": torch.get_rng_state(),
            },
            {"own": numbers, "groups": groups, "rng": self._rng.bit_generator.state},
        )

    def restore(self) -> tuple[Tensors, dict[str, Any]] | None:
        """Take the training up again; the stage's own tensors and numbers, or None where nothing was kept."""
        kept = self._checkpoint.read()
        if kept is None:
            return None
        tensors, numbers = kept
        for name, module in self._modules.items():
            module.load_state_dict(below(tensors, f"module.{name}"))
        set_adam(self._optimiser, below(tensors, "adam"), numbers["groups"])
        self._rng.bit_generator.state = numbers["rng"]
        torch.set_rng_state(tensors["torch"])
        return below(tensors, "own"), numbers["own"]


def adam_moments(optimiser: torch.optim.Optimizer) -> Tensors:
    """Its running moments, as ``0.exp_avg``."""
    state = optimiser.state_dict()["state"]
    return {f"{i}.{name}": torch.as_tensor(v) for i, moments in state.items() for name, v in moments.items()}


def set_adam(optimiser: torch.optim.Optimizer, moments: Tensors, groups: list[dict[str, Any]] | None = None) -> None:
    """Put back moments as ``adam_moments`` gave them, and the groups' rates where they are given."""
    whole = optimiser.state_dict()
    indices = sorted({int(name.split(".")[0]) for name in moments})
    whole["state"] = {i: below(moments, str(i)) for i in indices}
    whole["param_groups"] = whole["param_groups"] if groups is None else groups
    optimiser.load_state_dict(whole)


def prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> Tensors:
    """The tensors under a prefix."""
    return {f"{prefix}.{name}": value for name, value in tensors.items()}


def below(tensors: Mapping[str, Tensor], prefix: str) -> Tensors:
    """The tensors that were put under a prefix."""
    start = f"{prefix}."
    return {name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)}
