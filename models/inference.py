"""Task inference: from the last transitions to a latent, a belief that is updated one transition at a time, and heads.

A transition is (toy coordinates, reward, next toy coordinates) and holds no action. The context is the last 32,
masked. The latent is Gaussian; decoding next state and reward from it follows the variational task inference of the
PEARL and MELTS line of systems.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from envs.tasks import Space

CONTEXT = 32
#: What a coordinate typically amounts to, in its unit.
_SCALE = {"x": 10.0, "y": 10.0, "z": 1.0, "pitch": 3.0, "vx": 3.0, "vy": 3.0, "vz": 3.0, "vpitch": 10.0}
_FAR = 0.5  # in units of _SCALE
_SHARPNESS = 4.0  # of the choice between explanations
_HORIZONS = (2, 8, CONTEXT)  # transitions, the newest included, over which an explanation is judged


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
    two holds is what the encoder has to find out. In units of a typical specification, cut off far outside.
    """
    r, following = _outcome(space, transitions)
    # 1 + r crosses zero where a coordinate has not moved; there a candidate is unbounded and is cut off.
    near = 1.0 + r
    near = torch.where(near.abs() < 1e-4, torch.full_like(near, 1e-4), near)
    return torch.stack([following / near, following / (1.0 - r)], dim=-1).clamp(-4.0, 4.0)


def _outcome(space: Space, transitions: Tensor) -> tuple[Tensor, Tensor]:
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
    r, following = _outcome(space, transitions)
    away = torch.where(explained.abs() < 1e-4, torch.full_like(explained, 1e-4), explained)
    inverse = away.reciprocal().permute(0, 2, 3, 1)[..., None]
    wrong = (following.transpose(1, 2)[:, :, None, None] * inverse - 1.0).abs()
    wrong = (wrong + r[:, None, None, None, :, 0]).abs().clamp(max=4.0)
    worst = torch.stack([(wrong * count).amax(dim=-1) for count in counts], dim=-1)
    return torch.log1p(worst / 1e-4).permute(0, 3, 1, 2, 4) / 10.0


def _counts(time: int) -> Tensor:
    """(horizons, time, time): whether the second transition is among the last ones when the first is the newest."""
    age = torch.arange(time)[:, None] - torch.arange(time)
    return torch.stack([((age >= 0) & (age < horizon)).float() for horizon in _HORIZONS])


def transition_features(space: Space, transitions: Tensor, explained: Tensor, misfit: Tensor) -> Tensor:
    """Features (n, time, f) of transitions (n, time, 2 c + 1), their candidates and the misfits of these."""
    c = len(space.coordinates)
    now, r, following = transitions[..., :c], transitions[..., c : c + 1], transitions[..., c + 1 :]
    positions = [position_features(space, at) for at in (now, following)]
    flat = explained.flatten(-2)
    parts = [*positions, flat, _log(flat), misfit.flatten(-3)]
    return torch.cat([*parts, (1.0 + r).clamp(-3.0, 1.0), r.clamp(-4.0, 0.0)], dim=-1)


def feature_size(space: Space) -> int:
    """Features of ``transition_features``."""
    return 2 * position_size(space) + (4 + 2 * len(_HORIZONS)) * len(space.kinds) + 2


def _log(values: Tensor) -> Tensor:
    return values.sign() * torch.log1p(values.abs() / 0.1) / 3.0


@dataclass(frozen=True)
class Latent:
    """A diagonal Gaussian over latents: mean and log-variance (..., latent)."""

    mean: Tensor
    log_variance: Tensor

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """One draw by the reparameterisation trick."""
        noise = torch.randn(self.mean.shape, generator=generator, dtype=self.mean.dtype)
        return self.mean + noise * (0.5 * self.log_variance).exp()

    def kl(self) -> Tensor:
        """(...,): divergence from the standard normal."""
        return 0.5 * (self.mean**2 + self.log_variance.exp() - 1.0 - self.log_variance).sum(-1)


@dataclass(frozen=True)
class Belief:
    """What has been seen: the last transitions (n, 32, 2 c + 1), oldest first, and how many are valid (n,)."""

    window: Tensor
    length: Tensor

    def rows(self, index: Tensor) -> Belief:
        """The beliefs at these positions, or under this mask."""
        return Belief(self.window[index], self.length[index])


class Encoder(nn.Module):
    """GRU over the context with a Gaussian latent; an empty context has a learnt latent of its own.

    Args:
        space: toy coordinates and kinds.
        latent: size of the latent, more than the number of kinds.
        width: units of the GRU.
    """

    def __init__(self, space: Space, latent: int, width: int) -> None:
        super().__init__()
        self.space, self.latent, self.width, kinds = space, latent, width, len(space.kinds)
        self.embed = nn.Sequential(nn.Linear(feature_size(space), width), nn.ELU(), nn.Linear(width, width), nn.ELU())
        self.gru = nn.GRU(width, width, batch_first=True)
        self.choice = nn.Linear(width, 4 * kinds)
        self.trust = nn.Parameter(torch.full((len(_HORIZONS),), -1.0))
        self.head = nn.Linear(width + kinds, 2 * latent - kinds)

    def start(self, n: int) -> Belief:
        """The belief before anything was seen."""
        return Belief(torch.zeros(n, CONTEXT, transition_size(self.space)), torch.zeros(n, dtype=torch.long))

    def update(self, belief: Belief, transition: Tensor) -> Belief:
        """Append transitions (n, 2 c + 1); the oldest drops out of a full window."""
        full = (belief.length == CONTEXT)[:, None, None]
        window = torch.where(full, belief.window.roll(-1, dims=1), belief.window)
        position = belief.length.clamp(max=CONTEXT - 1)
        window = window.scatter(1, position[:, None, None].expand(-1, 1, window.shape[2]), transition[:, None, :])
        return Belief(window, (belief.length + 1).clamp(max=CONTEXT))

    def infer(self, belief: Belief) -> Latent:
        """Latents (n, latent) of beliefs; padding has no influence."""
        along = self.along(belief.window)
        rows = torch.arange(len(belief.length))
        return Latent(along.mean[rows, belief.length], along.log_variance[rows, belief.length])

    def along(self, transitions: Tensor) -> Latent:
        """Latents (n, time + 1, latent) after 0, 1, ..., time transitions of (n, time, 2 c + 1)."""
        return self._latents(*(_after_nothing(part) for part in self._states(transitions)))

    def empty(self, n: int) -> Tensor:
        """(n, latent): mean latents when nothing was seen."""
        return self.along(torch.zeros(n, 1, transition_size(self.space))).mean[:, 0]

    def remember(self, transitions: Tensor) -> tuple[Tensor, Tensor]:
        """What ``follow`` gives after the last of transitions (n, time, 2 c + 1), without the steps between."""
        states, explained, misfit = self._states(transitions)
        return states[None, :, -1], self._latents(states, explained, misfit).mean[:, -1]

    def follow(self, state: Tensor, transitions: Tensor) -> tuple[Tensor, Tensor]:
        """GRU state (1, n, width) and mean latents (n, latent) after (n, time, 2 c + 1), the state being one behind.

        As long as no more than 32 were seen this is what ``update`` and ``infer`` give, at a fraction of the cost.
        """
        one = transitions[:, -1:]
        explained = candidates(self.space, one)
        misfit = misfits(self.space, explained, transitions, _counts(transitions.shape[1])[:, -1:])
        out, state = self.gru(self.embed(transition_features(self.space, one, explained, misfit)), state)
        return state, self._latents(out, explained, misfit).mean[:, 0]

    def _states(self, transitions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """GRU states (n, time, width) after each of transitions (n, time, 2 c + 1), their candidates and misfits."""
        explained = candidates(self.space, transitions)
        misfit = misfits(self.space, explained, transitions, _counts(transitions.shape[1]))
        states, _ = self.gru(self.embed(transition_features(self.space, transitions, explained, misfit)))
        return states, explained, misfit

    def _latents(self, states: Tensor, explained: Tensor, misfit: Tensor) -> Latent:
        """From GRU states (n, time, width), candidates and their misfits.

        The first numbers of a latent are, per kind, one of the last transition's two candidates or a value
        of the state's own: to copy a number exactly is easy for a choice and hard for a GRU. The choice is a sharp
        one, as the mean of two explanations is neither.
        """
        kinds = len(self.space.kinds)
        own, choice = self.choice(states).unflatten(-1, (kinds, 4)).split([1, 3], dim=-1)
        choice = choice + nn.functional.pad(misfit @ self.trust, (1, 0))
        chosen = (torch.cat([own, explained], dim=-1) * (_SHARPNESS * choice).softmax(dim=-1)).sum(dim=-1)
        rest, log_variance = self.head(torch.cat([states, chosen], dim=-1)).split(
            [self.latent - kinds, self.latent], dim=-1
        )
        return Latent(torch.cat([chosen, rest], dim=-1), log_variance.clamp(-12.0, 2.0))


def _after_nothing(parts: Tensor) -> Tensor:
    """(n, time + 1, ...): zeros in front, for the empty context."""
    return torch.cat([parts.new_zeros(len(parts), 1, *parts.shape[2:]), parts], dim=1)


def mlp(inputs: int, width: int, outputs: int, depth: int = 2) -> nn.Sequential:
    """A plain ELU network with ``depth`` hidden layers."""
    sizes = [inputs] + [width] * depth
    layers: list[nn.Module] = []
    for a, b in pairwise(sizes):
        layers += [nn.Linear(a, b), nn.ELU()]
    return nn.Sequential(*layers, nn.Linear(width, outputs))


class Decoder(nn.Module):
    """Next coordinates from coordinates and action, and the reward of next coordinates under a latent."""

    def __init__(self, space: Space, latent: int, width: int) -> None:
        super().__init__()
        self.space, c = space, len(space.coordinates)
        self.state = mlp(c + len(space.positions), width, c)
        self.reward = mlp(position_size(space) + latent, width, 1)

    def next_state(self, coordinates: Tensor, action: Tensor) -> Tensor:
        """(..., c) from coordinates (..., c) and actions (..., positions)."""
        return coordinates + self.state(torch.cat([coordinates / coordinate_scale(self.space), action], dim=-1))

    def rewards(self, following: Tensor, z: Tensor) -> Tensor:
        """(...,) from next coordinates (..., c) and latents (..., latent)."""
        return self.reward(torch.cat([position_features(self.space, following), z], dim=-1)).squeeze(-1)


class TaskHead(nn.Module):
    """Base-task logits and, per kind, the specification, read linearly off a latent."""

    def __init__(self, space: Space, latent: int) -> None:
        super().__init__()
        self.space, kinds = space, len(space.kinds)
        self.logits = nn.Linear(latent, len(space.base_tasks))
        self.specification = nn.Linear(latent, kinds)
        with torch.no_grad():  # the latent begins with what the head is asked for
            self.specification.weight.copy_(torch.eye(kinds, latent))
            self.specification.bias.zero_()

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (..., base tasks) and specifications (..., kinds), each in its kind's unit."""
        return self.logits(z), self.specification(z) * kind_scale(self.space)


class ToyPolicy(nn.Module):
    """Latent-conditioned policy of the toy: linear controllers, and a network that says which is in charge."""

    def __init__(self, space: Space, latent: int, width: int) -> None:
        super().__init__()
        self.space, actions, controllers = space, len(space.positions), 2 * len(space.kinds)
        self.gate = mlp(position_size(space) + latent, width, controllers)
        self.controllers = nn.Linear(len(space.kinds) + latent, controllers * actions)
        with torch.no_grad():
            self.controllers.weight.mul_(0.1)

    def unbounded(self, coordinates: Tensor, z: Tensor) -> Tensor:
        """Actions (..., positions) before they are cut to [-1, 1], at coordinates (..., c) under latents."""
        gate = self.gate(torch.cat([position_features(self.space, coordinates), z], dim=-1)).softmax(dim=-1)
        offers = self.controllers(torch.cat([gaps(self.space, coordinates, z), z], dim=-1))
        return 10.0 * (gate[..., None] * offers.unflatten(-1, (gate.shape[-1], -1))).sum(dim=-2)

    def forward(self, coordinates: Tensor, z: Tensor) -> Tensor:
        """Actions (..., positions) in [-1, 1]."""
        return self.unbounded(coordinates, z).clamp(-1.0, 1.0)
