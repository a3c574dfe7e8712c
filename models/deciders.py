"""Who decides for a body: a policy that gives commands, and a predictor of how long each is held.

The policy is the reused toy's or one retrained on the body; the predictor has learnt on the body in either case. What
is seen and believed goes in, a command (kind, signed amount) and a stride come out, deterministically.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from envs.tasks import SPACES, Space
from models.controller import Controller
from models.heads import TaskHead, mlp
from models.toy_agent import ToyAgent
from models.transitions import gaps, position_features, position_size

LONGEST_STRIDE = 20

#: Kind ids (n,) and signed amounts (n,) for observations (n, features), coordinates (n, c) and latents (n, latent).
Command = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Decision:
    """Kind ids (n,), signed amounts (n,) in the kind's unit, and strides (n,) in control steps."""

    kind: Tensor
    amount: Tensor
    stride: Tensor


class BodyNetwork(nn.Module):
    """A network that sees what a body observes, each feature by its mean and deviation."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, observations: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(observations))
        self.register_buffer("deviation", torch.ones(observations))

    def normalise(self, controller: Controller) -> None:
        """Take over what a low level knows of them."""
        observations = len(self.mean)
        self.mean.copy_(controller.mean[:observations])
        self.deviation.copy_(controller.variance[:observations].sqrt() + 1e-3)

    def normalised(self, observation: Tensor) -> Tensor:
        """(..., features)"""
        return (observation - self.mean) / self.deviation


class StridePredictor(BodyNetwork):
    """Values (n, 20) of the strides 1..20: dueling network over the body, its command and the belief.

    Args:
        space: toy coordinates and kinds, by name.
        observations: features of the body.
        width: units of the hidden layers.
    """

    def __init__(self, space: str, observations: int, width: int) -> None:
        super().__init__(observations)
        self.sizes = {"space": space, "observations": observations, "width": width}
        self.space = SPACES[space]
        self.inputs = observations + 2 * len(self.space.kinds) + len(self.space.base_tasks)
        self.net = mlp(self.inputs, width, LONGEST_STRIDE + 1)

    def features(self, observation: Tensor, kind: Tensor, amount: Tensor, belief: Tensor) -> Tensor:
        """Inputs (n, features) from observations, a command and base-task probabilities (n, base tasks)."""
        flags = nn.functional.one_hot(places(self.space, kind), len(self.space.kinds)).to(observation.dtype)
        return torch.cat([self.normalised(observation), flags, flags * amount[..., None], belief], dim=-1)

    def forward(self, features: Tensor) -> Tensor:
        value, advantage = self.net(features).split([1, LONGEST_STRIDE], dim=-1)
        return value + advantage - advantage.mean(dim=-1, keepdim=True)


@dataclass(frozen=True)
class Decider:
    """A policy's command, held for as long as a predictor says.

    Attributes:
        command: of the policy.
        reach: how far ahead its commands look (kinds,), each in its unit.
        head: of the toy, which says what is believed.
        predictor: of strides.
    """

    command: Command
    reach: Tensor
    head: TaskHead
    predictor: StridePredictor

    @staticmethod
    def reuse(toy: ToyAgent, predictor: StridePredictor) -> Decider:
        """Route ``reuse``: the frozen toy policy's look-ahead is the command."""
        reach = torch.as_tensor(toy.space.look_ahead, dtype=torch.float32)
        return Decider(lambda _, coordinates, z: toy.command(coordinates, z), reach, toy.head, predictor)

    @staticmethod
    def retrain(toy: ToyAgent, policy: HighLevelPolicy, predictor: StridePredictor) -> Decider:
        """Route ``retrain``: a policy of the body gives the command."""
        return Decider(policy.command, policy.limits, toy.head, predictor)

    def decide(self, observation: Tensor, coordinates: Tensor, z: Tensor) -> Decision:
        """A decision for observations (n, features), coordinates (n, c) and latents (n, latent)."""
        kind, amount = self.command(observation, coordinates, z)
        return Decision(kind, amount, self.stride(observation, kind, amount, z))

    def stride(self, observation: Tensor, kind: Tensor, amount: Tensor, z: Tensor) -> Tensor:
        """Best strides (n,) in 1..20 for a command."""
        return self.predictor(self.features(observation, kind, amount, z)).argmax(dim=-1) + 1

    def features(self, observation: Tensor, kind: Tensor, amount: Tensor, z: Tensor) -> Tensor:
        """Inputs (n, features) of the predictor for a command."""
        return self.predictor.features(observation, kind, amount, self.head(z)[0].softmax(dim=-1))


class HighLevelPolicy(BodyNetwork):
    """Route ``retrain``: kind and amount from the body's observation, its coordinates and the latent.

    Args:
        space: toy coordinates and kinds, by name.
        observations: features of the body.
        latent: size of the latent.
        width: units of the hidden layers.
        limits: largest amount by kind of the space, each in its unit.
    """

    limits: Tensor

    def __init__(self, space: str, observations: int, latent: int, width: int, limits: tuple[float, ...]) -> None:
        super().__init__(observations)
        sizes = {"space": space, "observations": observations, "latent": latent, "width": width, "limits": limits}
        self.sizes, self.space = sizes, SPACES[space]
        self.register_buffer("limits", torch.tensor(limits))
        kinds = len(self.space.kinds)
        self.inputs = observations + position_size(self.space) + kinds + latent
        self.net = mlp(self.inputs, width, 2 * kinds)
        self.straight = nn.Linear(kinds + latent, kinds)
        self.log_deviation = nn.Parameter(torch.full((kinds,), -1.0))

    def features(self, observation: Tensor, coordinates: Tensor, z: Tensor) -> Tensor:
        """Inputs (n, features)."""
        at = [position_features(self.space, coordinates), gaps(self.space, coordinates, z)]
        return torch.cat([self.normalised(observation).clamp(-10.0, 10.0), *at, z], dim=-1)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Kind logits (..., kinds) and mean amounts (..., kinds) as shares of the limits."""
        kind, amount = self.net(features).chunk(2, dim=-1)
        return kind, amount + self.straight(features[..., len(self.mean) + position_size(self.space) :])

    def command(self, observation: Tensor, coordinates: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """Kind ids (...,) and signed amounts (...,) in the kind's unit."""
        logits, shares = self(self.features(observation, coordinates, z))
        place = logits.argmax(dim=-1)
        share = shares.gather(-1, place[..., None])[..., 0].clamp(-1.0, 1.0)
        return torch.as_tensor(self.space.kind_ids)[place], share * self.limits[place]


def places(space: Space, kind: Tensor) -> Tensor:
    """Places in a space of global kind ids, of any shape."""
    return torch.as_tensor(space.place(kind.numpy()))
