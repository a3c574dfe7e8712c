"""What is read off a latent: rewards, base task and specification, and the toy's actions."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from envs.tasks import Space
from models.transitions import (
    coordinate_scale,
    gaps,
    kind_coordinates,
    kind_scale,
    position_features,
    position_size,
)

#: Sizes of specifications, in units, and errors that a decoder by form tells apart.
_SMALLEST, _WORST = 0.02, 4.0
#: Relative error at which the concave loss reaches half of its height.
_HALFWAY = 0.03
#: What controllers offer is so much larger than what they compute, and gaps count so much more than specifications.
_LOUD, _STEEP = 10.0, 4.0


def mlp(inputs: int, width: int, outputs: int, depth: int = 2) -> nn.Sequential:
    """A plain ELU network with ``depth`` hidden layers."""
    sizes = [inputs] + [width] * depth
    layers: list[nn.Module] = []
    for a, b in pairwise(sizes):
        layers += [nn.Linear(a, b), nn.ELU()]
    return nn.Sequential(*layers, nn.Linear(width, outputs))


class Decoder(nn.Module):
    """Next coordinates from coordinates and action, and the reward of next coordinates under a latent.

    Attributes:
        questions: rewards that it is asked for per latent while it learns.
    """

    questions = 1

    def __init__(self, space: Space, latent: int, width: int) -> None:
        super().__init__()
        self.space, c = space, len(space.coordinates)
        self.state = mlp(c + len(space.positions), width, c)

    def next_state(self, coordinates: Tensor, action: Tensor) -> Tensor:
        """(..., c) from coordinates (..., c) and actions (..., positions)."""
        return coordinates + self.state(torch.cat([coordinates / coordinate_scale(self.space), action], dim=-1))

    def rewards(self, following: Tensor, z: Tensor) -> Tensor:
        """(...,) from next coordinates (..., c) and latents (..., latent)."""
        raise NotImplementedError

    def miss(self, told: Tensor, earned: Tensor) -> Tensor:
        """Loss of rewards (...,) told."""
        raise NotImplementedError


class NetworkDecoder(Decoder):
    """A decoder that learns the form of rewards."""

    def __init__(self, space: Space, latent: int, width: int) -> None:
        super().__init__(space, latent, width)
        self.reward = mlp(position_size(space) + latent, width, 1)

    def rewards(self, following: Tensor, z: Tensor) -> Tensor:
        return self.reward(torch.cat([position_features(self.space, following), z], dim=-1)).squeeze(-1)

    def miss(self, told: Tensor, earned: Tensor) -> Tensor:
        return nn.functional.smooth_l1_loss(told, earned)


class FormDecoder(Decoder):
    """A decoder that knows the form of every reward, -|c / s - 1|, of latents that tell how likely each kind is.

    Where no label tells, this is what lets a latent find the specification that the rewards are about.
    """

    questions = 4

    def rewards(self, following: Tensor, z: Tensor) -> Tensor:
        known, relevance = specified(self.space, z)
        coordinate = kind_coordinates(self.space, following)
        away = (coordinate - known).abs() / known.abs().clamp(min=_SMALLEST)
        return -(relevance * away.clamp(max=_WORST)).sum(dim=-1)

    def miss(self, told: Tensor, earned: Tensor) -> Tensor:
        error = (told - earned).abs()
        return (error + decided(error)).mean()


def specified(space: Space, z: Tensor) -> tuple[Tensor, Tensor]:
    """Per kind the specification (..., kinds), and how likely the task is about it, of latents that say both."""
    kinds = len(space.kinds)
    return z[..., :kinds], z[..., kinds : 2 * kinds]


def decided(error: Tensor) -> Tensor:
    """A concave loss of errors, none below 0.

    Where two explanations are as likely, to trust either costs less than to split the difference.

    A policy that trusts the wrong one moves away from the target, sees it and corrects; one that splits the difference
    stays where it is and never finds out.
    """
    return error / (error + _HALFWAY)


class TaskHead(nn.Module):
    """Base-task logits and, per kind, the specification, read linearly off a latent.

    Args:
        space: toy coordinates and kinds.
        latent: size of the latent.
        told_from: first number that logits are read off, behind the specifications where what is there suffices: one
            of a kind that the task is not about grows without end while the body runs on, and would move them.
    """

    def __init__(self, space: Space, latent: int, told_from: int) -> None:
        super().__init__()
        self.space, self.told_from, kinds = space, told_from, len(space.kinds)
        self.logits = nn.Linear(latent - told_from, len(space.base_tasks))
        self.specification = nn.Linear(latent, kinds)
        with torch.no_grad():  # the latent begins with what the head is asked for
            self.specification.weight.copy_(torch.eye(kinds, latent))
            self.specification.bias.zero_()

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (..., base tasks) and specifications (..., kinds), each in its kind's unit."""
        return self.logits(z[..., self.told_from :]), self.specification(z) * kind_scale(self.space)


class ToyPolicy(nn.Module):
    """Latent-conditioned policy of the toy: linear controllers, and a network that says which is in charge.

    Controllers read specifications and gaps alone and have no constants: a gate between constants is found before a
    controller that settles, and stays beside every goal.

    Args:
        space: toy coordinates and kinds.
        latent: size of the latent.
        width: units of the network.
        shapes: whether the policy's success shapes the latent, all of which the network reads then; else what the task
            is not about would move it: it reads the specifications, each by how likely its kind is.
    """

    def __init__(self, space: Space, latent: int, width: int, shapes: bool) -> None:
        super().__init__()
        kinds, actions = len(space.kinds), len(space.positions)
        self.space, self.shapes, controllers = space, shapes, 2 * kinds
        self.gate = mlp(position_size(space) + (latent if shapes else 2 * kinds), width, controllers)
        self.controllers = nn.Linear(2 * kinds, controllers * actions, bias=False)
        with torch.no_grad():
            self.controllers.weight.mul_(0.1)
            self._set_out()

    def _set_out(self) -> None:
        """Let controllers of positions begin by going half the way; slack ones on all sides are hard to leave."""
        space = self.space
        slopes = self.controllers.weight.view(2, len(space.kinds), len(space.positions), -1)
        half = 0.5 * kind_scale(space) / (_LOUD * _STEEP * torch.as_tensor(space.look_ahead))
        for place in np.flatnonzero(~space.velocity_like):
            slopes[:, place, space.moves[place], place] = half[place]

    def unbounded(self, coordinates: Tensor, z: Tensor) -> Tensor:
        """Actions (..., positions) before they are cut to [-1, 1], at coordinates (..., c) under latents."""
        away, known, told = gaps(self.space, coordinates, z), z[..., : len(self.space.kinds)], z
        if not self.shapes:
            known, relevance = specified(self.space, z)
            away, known = relevance * away, relevance * known
            told = torch.cat([known, relevance], dim=-1)
        shares = self.gate(torch.cat([position_features(self.space, coordinates), told], dim=-1)).softmax(dim=-1)
        return (shares[..., None] * self.offers(away, known)).sum(dim=-2)

    def offers(self, away: Tensor, known: Tensor) -> Tensor:
        """(..., controllers, positions): what each would do, of gaps and specifications (..., kinds)."""
        offers = self.controllers(torch.cat([_STEEP * away, known], dim=-1))
        return _LOUD * offers.unflatten(-1, (2 * len(self.space.kinds), -1))

    def forward(self, coordinates: Tensor, z: Tensor) -> Tensor:
        """Actions (..., positions) in [-1, 1]."""
        return self.unbounded(coordinates, z).clamp(-1.0, 1.0)
