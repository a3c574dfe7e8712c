"""Who decides for a body: the reused toy policy with a learnt stride, or a retrained high-level policy.

Both map what is seen and believed to a command (kind, signed amount) and a stride, deterministically.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from envs.tasks import SPACES, Space
from models.heads import mlp
from models.toy_agent import ToyAgent
from models.transitions import gaps, position_features, position_size

LONGEST_STRIDE = 20


@dataclass(frozen=True)
class Decision:
    """Kind ids (n,), signed amounts (n,) in the kind's unit, and strides (n,) in control steps."""

    kind: Tensor
    amount: Tensor
    stride: Tensor


class Decider(Protocol):
    """A decision for observations (n, features), coordinates (n, c) and latents (n, latent)."""

    def decide(self, observation: Tensor, coordinates: Tensor, z: Tensor) -> Decision: ...


class StridePredictor(nn.Module):
    """Values (n, 20) of the strides 1..20: dueling network over the body, its command and the belief.

    Args:
        space: toy coordinates and kinds, by name.
        observations: features of the body.
        width: units of the hidden layers.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, space: str, observations: int, width: int) -> None:
        super().__init__()
        self.sizes = {"space": space, "observations": observations, "width": width}
        self.space = SPACES[space]
        self.register_buffer("mean", torch.zeros(observations))
        self.register_buffer("deviation", torch.ones(observations))
        self.inputs = observations + 2 * len(self.space.kinds) + len(self.space.base_tasks)
        self.net = mlp(self.inputs, width, LONGEST_STRIDE + 1)

    def features(self, observation: Tensor, kind: Tensor, amount: Tensor, belief: Tensor) -> Tensor:
        """Inputs (n, features) from observations, a command and base-task probabilities (n, base tasks)."""
        flags = nn.functional.one_hot(places(self.space, kind), len(self.space.kinds)).to(observation.dtype)
        return torch.cat([(observation - self.mean) / self.deviation, flags, flags * amount[..., None], belief], dim=-1)

    def forward(self, features: Tensor) -> Tensor:
        value, advantage = self.net(features).split([1, LONGEST_STRIDE], dim=-1)
        return value + advantage - advantage.mean(dim=-1, keepdim=True)


class ReuseDecider:
    """Route ``reuse``: the frozen toy policy's look-ahead is the command, a learnt predictor gives the stride."""

    def __init__(self, toy: ToyAgent, predictor: StridePredictor) -> None:
        self.toy, self.predictor = toy, predictor

    def decide(self, observation: Tensor, coordinates: Tensor, z: Tensor) -> Decision:
        kind, amount = self.toy.command(coordinates, z)
        return Decision(kind, amount, self.stride(observation, kind, amount, z))

    def stride(self, observation: Tensor, kind: Tensor, amount: Tensor, z: Tensor) -> Tensor:
        """Best strides (n,) in 1..20 for a command."""
        belief = self.toy.head(z)[0].softmax(dim=-1)
        return self.predictor(self.predictor.features(observation, kind, amount, belief)).argmax(dim=-1) + 1


class HighLevelPolicy(nn.Module):
    """Route ``retrain``: kind, amount and stride from the body's observation, its coordinates and the latent.

    Args:
        space: toy coordinates and kinds, by name.
        observations: features of the body.
        latent: size of the latent.
        width: units of the hidden layers.
        limits: largest amount by kind of the space, each in its unit.
    """

    mean: Tensor
    deviation: Tensor
    limits: Tensor

    def __init__(self, space: str, observations: int, latent: int, width: int, limits: tuple[float, ...]) -> None:
        super().__init__()
        sizes = {"space": space, "observations": observations, "latent": latent, "width": width, "limits": limits}
        self.sizes, self.space = sizes, SPACES[space]
        self.register_buffer("mean", torch.zeros(observations))
        self.register_buffer("deviation", torch.ones(observations))
        self.register_buffer("limits", torch.tensor(limits))
        kinds = len(self.space.kinds)
        self._split = [kinds, kinds, LONGEST_STRIDE]
        self.inputs = observations + position_size(self.space) + kinds + latent
        self.net = mlp(self.inputs, width, sum(self._split))
        self.straight = nn.Linear(kinds + latent, kinds)
        self.log_deviation = nn.Parameter(torch.full((kinds,), -1.0))

    def features(self, observation: Tensor, coordinates: Tensor, z: Tensor) -> Tensor:
        """Inputs (n, features)."""
        normalised = ((observation - self.mean) / self.deviation).clamp(-10.0, 10.0)
        at = [position_features(self.space, coordinates), gaps(self.space, coordinates, z)]
        return torch.cat([normalised, *at, z], dim=-1)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Kind logits (n, kinds), mean amounts (n, kinds) as shares of the limits, stride logits (n, 20)."""
        kind, amount, stride = self.net(features).split(self._split, dim=-1)
        return kind, amount + self.straight(features[..., len(self.mean) + position_size(self.space) :]), stride

    def decide(self, observation: Tensor, coordinates: Tensor, z: Tensor) -> Decision:
        logits, shares, strides = self(self.features(observation, coordinates, z))
        place = logits.argmax(dim=-1)
        share = shares.gather(-1, place[:, None])[:, 0].clamp(-1.0, 1.0)
        kind = torch.as_tensor(self.space.kind_ids)[place]
        return Decision(kind, share * self.limits[place], strides.argmax(dim=-1) + 1)


def places(space: Space, kind: Tensor) -> Tensor:
    """Places in a space of global kind ids, of any shape."""
    return torch.as_tensor(space.place(kind.numpy()))
