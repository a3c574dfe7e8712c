"""Low-level controllers: an observation normaliser and a small actor, without the trainer that made them."""

from __future__ import annotations

import json
from collections.abc import Sequence
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
    """Deterministic goal-conditioned controller: observations (n, features) to actions (n, joints) in [-1, 1].

    Args:
        observations: features; the last two for each further skill are a flag and what remains of its command.
        actions: joints.
        width: units of both hidden layers.
        skills: networks, each of which obeys commands of its own; the first all that no flag says.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, observations: int, actions: int, width: int, skills: int = 1) -> None:
        super().__init__()
        self.sizes = {"observations": observations, "actions": actions, "width": width, "skills": skills}
        self.register_buffer("mean", torch.zeros(observations))
        self.register_buffer("variance", torch.ones(observations))
        self.net = nn.Sequential(
            nn.Linear(observations, width), nn.ELU(), nn.Linear(width, width), nn.ELU(), nn.Linear(width, actions)
        )
        self.others = nn.ModuleList(Controller(observations, actions, width) for _ in range(skills - 1))

    def forward(self, observations: Tensor) -> Tensor:
        normalised = (observations - self.mean) / torch.sqrt(self.variance + _EPSILON)
        actions = self.net(normalised.clamp(-_CLIP, _CLIP)).clamp(-1.0, 1.0)
        for place, other in enumerate(self.others, start=-len(self.others)):
            actions = torch.where(observations[:, 2 * place, None] > 0.0, other(observations), actions)
        return actions

    def act(self, observations: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same on arrays."""
        with torch.no_grad():
            return self(torch.as_tensor(observations, dtype=torch.float32)).numpy().astype(np.float64)

    @classmethod
    def joined(cls, skills: Sequence[Controller]) -> Self:
        """One controller of several, each for its own skill."""
        first, *others = skills
        controller = cls(**{**first.sizes, "skills": len(skills)})
        own = dict(first.state_dict())
        for place, other in enumerate(others):
            own |= {f"others.{place}.{name}": value for name, value in other.state_dict().items()}
        controller.load_state_dict(own)
        return controller

    @classmethod
    def load(cls, folder: Path) -> Self:
        """A frozen controller from ``controller.json`` and ``controller.safetensors``."""
        controller = cls(**json.loads((folder / "controller.json").read_text()))
        controller.load_state_dict(load_file(folder / "controller.safetensors"))
        return controller.requires_grad_(False).eval()
