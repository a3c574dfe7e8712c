"""Transitions as the encoder sees them: (toy coordinates, reward, next toy coordinates), no action.

From a reward alone follow, for each kind, two specifications that would explain it; these, and how well they explain
what was seen before, are the features from which tasks are inferred.
"""

from __future__ import annotations

import torch
from torch import Tensor

from envs.tasks import Space

CONTEXT = 32
#: What a coordinate typically amounts to, in its unit.
_SCALE = {"x": 10.0, "y": 10.0, "z": 1.0, "pitch": 3.0, "vx": 3.0, "vy": 3.0, "vz": 3.0, "vpitch": 10.0}
_FAR = 0.5  # in units of _SCALE
_NEAREST = 1e-6  # to -1, of rewards that tell a specification: a rounded reward says no more
_STILL = 1e-3  # so near to -1 a reward says that next to nothing has moved yet
_LEAST = 0.1  # in units of _SCALE, that a task asks for
HORIZONS = (2, 8, CONTEXT)  # transitions, the newest included, over which an explanation is judged


def pack(coordinates: Tensor, reward: Tensor, following: Tensor) -> Tensor:
    """Transitions (..., 2 c + 1) from coordinates (..., c), rewards (...,) and next coordinates (..., c)."""
    return torch.cat([coordinates, reward.unsqueeze(-1), following], dim=-1)


def transition_size(space: Space) -> int:
    """Numbers in a transition."""
    return 2 * len(space.coordinates) + 1


def coordinate_scale(space: Space) -> Tensor:
    """(coordinates,): what each typically amounts to."""
    return torch.tensor([_SCALE[name] for name in space.coordinates])


def kind_scale(space: Space) -> Tensor:
    """(kinds,): the same for the coordinate of each kind."""
    return coordinate_scale(space)[torch.as_tensor(space.about)]


def kind_coordinates(space: Space, coordinates: Tensor) -> Tensor:
    """(..., kinds): the coordinate that each kind is about, or its size, out of coordinates (..., c), in units."""
    values = coordinates[..., torch.as_tensor(space.about)]
    return torch.where(torch.as_tensor(space.unsigned), values.abs(), values) / kind_scale(space)


def position_size(space: Space) -> int:
    """Features of ``position_features``."""
    return 3 * len(space.positions)


def position_features(space: Space, coordinates: Tensor) -> Tensor:
    """Features (..., 3 p) of toy coordinates (..., 2 p); far away, where no goal lies, only the magnitude counts."""
    scaled, p = coordinates / coordinate_scale(space), len(space.positions)
    return torch.cat([scaled[..., :p].clamp(-4.0, 4.0), _log(coordinates[..., :p]), scaled[..., p:]], dim=-1)


def gaps(space: Space, coordinates: Tensor, z: Tensor) -> Tensor:
    """(..., kinds): what is missing from coordinates (..., c) to the specification that a latent holds for each kind.

    A difference of two large numbers that a network would have to learn to balance; cut off where it only says far.
    """
    return (z[..., : len(space.kinds)] - kind_coordinates(space, coordinates)).clamp(-_FAR, _FAR)


def candidates(space: Space, transitions: Tensor) -> Tensor:
    """(..., kinds, 2): per kind the two specifications that would explain the reward of transitions (..., 2 c + 1).

    From r = -|c/s - 1| a next coordinate c leaves s = c / (1 + r) and s = c / (1 - r); which kind and which of the
    two holds is what the encoder has to find out. In units of a typical specification, cut off far outside. What has
    not moved explains any specification as well as next to none, by which a body at rest would stay there for ever:
    the candidates are then the least that a task asks for.
    """
    r, following = outcome(space, transitions)
    # 1 + r crosses zero where a coordinate has not moved; there a candidate is unbounded and is cut off. Its sign is
    # kept: an agent that comes back to where it began would be told to go the other way, for ever.
    near = 1.0 + r
    near = torch.where(near.abs() < _NEAREST, torch.full_like(near, _NEAREST).copysign(near), near)
    explained = torch.stack([following / near, following / (1.0 - r)], dim=-1).clamp(-4.0, 4.0)
    least = torch.where(near.abs() < _STILL, _LEAST, 0.0)[..., None]
    return torch.maximum(explained.abs(), least).copysign(explained)


def outcome(space: Space, transitions: Tensor) -> tuple[Tensor, Tensor]:
    """Rewards (..., 1) and next coordinates by kind (..., kinds) of transitions."""
    c = len(space.coordinates)
    return transitions[..., c : c + 1], kind_coordinates(space, transitions[..., c + 1 :])


def misfits(space: Space, explained: Tensor, transitions: Tensor, counts: Tensor) -> Tensor:
    """How badly candidates explain what was seen: the worst error of the reward over some of the last transitions.

    Zero for the right one, to rounding. As a logarithm, since beside a target two candidates differ by very little.

    Args:
        explained: candidates (n, k, kinds, 2).
        transitions: (n, time, 2 c + 1).
        counts: (horizons, k, time), 1 where a transition counts for the misfit of a candidate, else 0.

    Returns:
        (n, k, kinds, 2, horizons).
    """
    r, following = outcome(space, transitions)
    away = torch.where(explained.abs() < 1e-4, torch.full_like(explained, 1e-4), explained)
    inverse = away.reciprocal().permute(0, 2, 3, 1)[..., None]
    wrong = (following.transpose(1, 2)[:, :, None, None] * inverse - 1.0).abs()
    wrong = (wrong + r[:, None, None, None, :, 0]).abs().clamp(max=4.0)
    worst = torch.stack([(wrong * count).amax(dim=-1) for count in counts], dim=-1)
    return torch.log1p(worst / 1e-4).permute(0, 3, 1, 2, 4) / 10.0


def counted(time: int) -> Tensor:
    """(horizons, time, time): whether the second transition is among the last ones when the first is the newest."""
    age = torch.arange(time)[:, None] - torch.arange(time)
    return torch.stack([((age >= 0) & (age < horizon)).float() for horizon in HORIZONS])


def transition_features(space: Space, transitions: Tensor, explained: Tensor, misfit: Tensor) -> Tensor:
    """Features (n, time, f) of transitions (n, time, 2 c + 1), their candidates and the misfits of these."""
    c = len(space.coordinates)
    now, r, following = transitions[..., :c], transitions[..., c : c + 1], transitions[..., c + 1 :]
    positions = [position_features(space, at) for at in (now, following)]
    flat = explained.flatten(-2)
    parts = [*positions, flat, _log(flat), misfit.flatten(-3)]
    return torch.cat([*parts, (1.0 + r).clamp(-3.0, 1.0), r.clamp(-4.0, 0.0)], dim=-1)


def feature_size(space: Space, horizons: int) -> int:
    """Features of ``transition_features`` with misfits over so many horizons."""
    return 2 * position_size(space) + (4 + 2 * horizons) * len(space.kinds) + 2


def _log(values: Tensor) -> Tensor:
    return values.sign() * torch.log1p(values.abs() / 0.1) / 3.0
