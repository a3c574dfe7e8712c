"""Low-level controllers: an observation normaliser and a small actor, without the trainer that made them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

_CLIP = 10.0  # normalised observations, as in Stable-Baselines3's VecNormalize
_EPSILON = 1e-8


class Controller(nn.Module):
    """Deterministic goal-conditioned controller: observations (n, features) to actions (n, joints) in [-1, 1]."""

    mean: Tensor
    variance: Tensor

    def __init__(self, observations: int, actions: int, width: int) -> None:
        super().__init__()
        self.sizes = {"observations": observations, "actions": actions, "width": width}
        self.register_buffer("mean", torch.zeros(observations))
        self.register_buffer("variance", torch.ones(observations))
        self.net = nn.Sequential(
            nn.Linear(observations, width), nn.ELU(), nn.Linear(width, width), nn.ELU(), nn.Linear(width, actions)
        )

    def forward(self, observations: Tensor) -> Tensor:
        normalised = (observations - self.mean) / torch.sqrt(self.variance + _EPSILON)
        return self.net(normalised.clamp(-_CLIP, _CLIP)).clamp(-1.0, 1.0)

    def act(self, observations: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same on arrays."""
        with torch.no_grad():
            return self(torch.as_tensor(observations, dtype=torch.float32)).numpy().astype(np.float64)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """A frozen controller from ``controller.json`` and ``controller.safetensors``."""
        controller = cls(**json.loads((folder / "controller.json").read_text()))
        controller.load_state_dict(load_file(folder / "controller.safetensors"))
        return controller.requires_grad_(False).eval()
