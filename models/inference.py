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

from envs.tasks import ACTIVE_KINDS, BASE_TASKS, COORDINATE_OF_KIND, COORDINATES, VX, X

CONTEXT = 32
TRANSITION = 2 * len(COORDINATES) + 1
_SCALE = (10.0, 3.0)  # m, m/s
_FAR = 0.5  # in units of _SCALE
_SHARPNESS = 4.0  # of the choice between explanations
_HORIZONS = (2, 8, CONTEXT)  # transitions, the newest included, over which an explanation is judged


def pack(coordinates: Tensor, reward: Tensor, following: Tensor) -> Tensor:
    """Transitions (..., 5) from coordinates (..., 2), rewards (...,) and next coordinates (..., 2)."""
    return torch.cat([coordinates, reward.unsqueeze(-1), following], dim=-1)


def position_features(coordinates: Tensor) -> Tensor:
    """Features (..., 3) of toy coordinates (..., 2); far away, where no goal lies, only the magnitude counts."""
    x, v = coordinates[..., :1], coordinates[..., 1:]
    return torch.cat([(x / _SCALE[0]).clamp(-4.0, 4.0), _log(x), v / _SCALE[1]], dim=-1)


def gaps(coordinates: Tensor, z: Tensor) -> Tensor:
    """(..., 2): what is missing from coordinates (..., 2) to the specification that a latent holds for each of them.

    A difference of two large numbers that a network would have to learn to balance; cut off where it only says far.
    """
    return (z[..., : len(COORDINATES)] - coordinates / coordinates.new_tensor(_SCALE)).clamp(-_FAR, _FAR)


def candidates(transitions: Tensor) -> Tensor:
    """(..., 2, 2): per coordinate the two specifications that would explain the reward of transitions (..., 5).

    From r = -|c/s - 1| a next coordinate c leaves s = c / (1 + r) and s = c / (1 - r); which coordinate and which of
    the two holds is what the encoder has to find out. In units of a typical specification, cut off far outside.
    """
    r, following = transitions[..., 2:3], transitions[..., 3:]
    # 1 + r crosses zero where a coordinate has not moved; there a candidate is unbounded and is cut off.
    near = 1.0 + r
    near = torch.where(near.abs() < 1e-4, torch.full_like(near, 1e-4), near)
    both = torch.stack([following / near, following / (1.0 - r)], dim=-1)
    return (both / both.new_tensor(_SCALE)[:, None]).clamp(-4.0, 4.0)


def misfits(explained: Tensor, transitions: Tensor, counts: Tensor) -> Tensor:
    """How badly candidates explain what was seen: the worst error of the reward over some of the last transitions.

    Zero for the right one, to rounding. As a logarithm, since beside a target two candidates differ by very little.

    Args:
        explained: candidates (n, k, 2, 2).
        transitions: (n, time, 5).
        counts: (horizons, k, time), 1 where a transition counts for the misfit of a candidate, else 0.

    Returns:
        (n, k, 2, 2, horizons).
    """
    away = torch.where(explained.abs() < 1e-4, torch.full_like(explained, 1e-4), explained)
    inverse = away.reciprocal().permute(0, 2, 3, 1)[..., None]
    following = (transitions[..., 3:] / transitions.new_tensor(_SCALE)).transpose(1, 2)[:, :, None, None]
    wrong = ((following * inverse - 1.0).abs() + transitions[:, None, None, None, :, 2]).abs().clamp(max=4.0)
    worst = torch.stack([(wrong * count).amax(dim=-1) for count in counts], dim=-1)
    return torch.log1p(worst / 1e-4).permute(0, 3, 1, 2, 4) / 10.0


def _counts(time: int) -> Tensor:
    """(horizons, time, time): whether the second transition is among the last ones when the first is the newest."""
    age = torch.arange(time)[:, None] - torch.arange(time)
    return torch.stack([((age >= 0) & (age < horizon)).float() for horizon in _HORIZONS])


def transition_features(transitions: Tensor, explained: Tensor, misfit: Tensor) -> Tensor:
    """Features (n, time, 28) of transitions (n, time, 5), their candidates and the misfits of these."""
    now, r, following = transitions[..., :2], transitions[..., 2:3], transitions[..., 3:]
    flat = explained.flatten(-2)
    parts = [position_features(now), position_features(following), flat, _log(flat), misfit.flatten(-3)]
    return torch.cat([*parts, (1.0 + r).clamp(-3.0, 1.0), r.clamp(-4.0, 0.0)], dim=-1)


#: Features of a transition and of a position.
FEATURES, POSITION = 16 + 4 * len(_HORIZONS), 3


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
    """What has been seen: the last transitions (n, 32, 5), oldest first, and how many are valid (n,)."""

    window: Tensor
    length: Tensor

    def rows(self, index: Tensor) -> Belief:
        """The beliefs at these positions, or under this mask."""
        return Belief(self.window[index], self.length[index])


class Encoder(nn.Module):
    """GRU over the context with a Gaussian latent; an empty context has a learnt latent of its own.

    Args:
        latent: size of the latent, more than the number of coordinates.
        width: units of the GRU.
    """

    def __init__(self, latent: int, width: int) -> None:
        super().__init__()
        self.latent, self.width = latent, width
        self.embed = nn.Sequential(nn.Linear(FEATURES, width), nn.ELU(), nn.Linear(width, width), nn.ELU())
        self.gru = nn.GRU(width, width, batch_first=True)
        self.choice = nn.Linear(width, 4 * len(COORDINATES))
        self.trust = nn.Parameter(torch.full((len(_HORIZONS),), -1.0))
        self.head = nn.Linear(width + len(COORDINATES), 2 * latent - len(COORDINATES))

    def start(self, n: int) -> Belief:
        """The belief before anything was seen."""
        return Belief(torch.zeros(n, CONTEXT, TRANSITION), torch.zeros(n, dtype=torch.long))

    def update(self, belief: Belief, transition: Tensor) -> Belief:
        """Append transitions (n, 5); the oldest drops out of a full window."""
        full = (belief.length == CONTEXT)[:, None, None]
        window = torch.where(full, belief.window.roll(-1, dims=1), belief.window)
        position = belief.length.clamp(max=CONTEXT - 1)
        window = window.scatter(1, position[:, None, None].expand(-1, 1, TRANSITION), transition[:, None, :])
        return Belief(window, (belief.length + 1).clamp(max=CONTEXT))

    def infer(self, belief: Belief) -> Latent:
        """Latents (n, latent) of beliefs; padding has no influence."""
        along = self.along(belief.window)
        rows = torch.arange(len(belief.length))
        return Latent(along.mean[rows, belief.length], along.log_variance[rows, belief.length])

    def along(self, transitions: Tensor) -> Latent:
        """Latents (n, time + 1, latent) after 0, 1, ..., time transitions of (n, time, 5)."""
        return self._latents(*(_after_nothing(part) for part in self._states(transitions)))

    def empty(self, n: int) -> Tensor:
        """(n, latent): mean latents when nothing was seen."""
        return self.along(torch.zeros(n, 1, TRANSITION)).mean[:, 0]

    def remember(self, transitions: Tensor) -> tuple[Tensor, Tensor]:
        """What ``follow`` gives after the last of transitions (n, time, 5), without the steps between."""
        states, explained, misfit = self._states(transitions)
        return states[None, :, -1], self._latents(states, explained, misfit).mean[:, -1]

    def follow(self, state: Tensor, transitions: Tensor) -> tuple[Tensor, Tensor]:
        """GRU state (1, n, width) and mean latents (n, latent) after (n, time, 5), the state being one behind.

        As long as no more than 32 were seen this is what ``update`` and ``infer`` give, at a fraction of the cost.
        """
        one = transitions[:, -1:]
        explained = candidates(one)
        misfit = misfits(explained, transitions, _counts(transitions.shape[1])[:, -1:])
        out, state = self.gru(self.embed(transition_features(one, explained, misfit)), state)
        return state, self._latents(out, explained, misfit).mean[:, 0]

    def _states(self, transitions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """GRU states (n, time, width) after each of transitions (n, time, 5), their candidates and misfits."""
        explained = candidates(transitions)
        misfit = misfits(explained, transitions, _counts(transitions.shape[1]))
        states, _ = self.gru(self.embed(transition_features(transitions, explained, misfit)))
        return states, explained, misfit

    def _latents(self, states: Tensor, explained: Tensor, misfit: Tensor) -> Latent:
        """From GRU states (n, time, width), candidates and their misfits.

        The first two numbers of a latent are, per coordinate, one of the last transition's two candidates or a value
        of the state's own: to copy a number exactly is easy for a choice and hard for a GRU. The choice is a sharp
        one, as the mean of two explanations is neither.
        """
        own, choice = self.choice(states).unflatten(-1, (len(COORDINATES), 4)).split([1, 3], dim=-1)
        choice = choice + nn.functional.pad(misfit @ self.trust, (1, 0))
        chosen = (torch.cat([own, explained], dim=-1) * (_SHARPNESS * choice).softmax(dim=-1)).sum(dim=-1)
        rest, log_variance = self.head(torch.cat([states, chosen], dim=-1)).split(
            [self.latent - len(COORDINATES), self.latent], dim=-1
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

    def __init__(self, latent: int, width: int) -> None:
        super().__init__()
        self.state = mlp(len(COORDINATES) + 1, width, len(COORDINATES))
        self.reward = mlp(POSITION + latent, width, 1)

    def next_state(self, coordinates: Tensor, action: Tensor) -> Tensor:
        """(..., 2) from coordinates (..., 2) and actions (...,)."""
        scale = coordinates.new_tensor(_SCALE)
        change = self.state(torch.cat([coordinates / scale, action.unsqueeze(-1)], dim=-1))
        return coordinates + change

    def rewards(self, following: Tensor, z: Tensor) -> Tensor:
        """(...,) from next coordinates (..., 2) and latents (..., latent)."""
        return self.reward(torch.cat([position_features(following), z], dim=-1)).squeeze(-1)


class TaskHead(nn.Module):
    """Base-task logits and, per kind, the specification, read linearly off a latent."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.logits = nn.Linear(latent, len(BASE_TASKS))
        self.specification = nn.Linear(latent, len(ACTIVE_KINDS))
        with torch.no_grad():  # the latent begins with what the head is asked for
            self.specification.weight.copy_(torch.eye(latent)[list(COORDINATE_OF_KIND)])
            self.specification.bias.zero_()

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (..., base tasks) and specifications (..., kinds) in m/s and m."""
        scale = z.new_tensor([_SCALE[VX], _SCALE[X]])
        return self.logits(z), self.specification(z) * scale


class ToyPolicy(nn.Module):
    """Latent-conditioned policy of the toy: linear controllers, and a network that says which is in charge."""

    def __init__(self, latent: int, width: int, controllers: int = 4) -> None:
        super().__init__()
        self.gate = mlp(POSITION + latent, width, controllers)
        self.controllers = nn.Linear(len(COORDINATES) + latent, controllers)
        with torch.no_grad():
            self.controllers.weight.mul_(0.1)

    def unbounded(self, coordinates: Tensor, z: Tensor) -> Tensor:
        """Actions (...,) before they are cut to [-1, 1], at coordinates (..., 2) under latents (..., latent)."""
        gate = self.gate(torch.cat([position_features(coordinates), z], dim=-1)).softmax(dim=-1)
        return 10.0 * (gate * self.controllers(torch.cat([gaps(coordinates, z), z], dim=-1))).sum(dim=-1)

    def forward(self, coordinates: Tensor, z: Tensor) -> Tensor:
        """Actions (...,) in [-1, 1]."""
        return self.unbounded(coordinates, z).clamp(-1.0, 1.0)
