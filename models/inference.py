"""Task inference: from the last transitions to a latent, a belief that is updated one transition at a time, and heads.

A transition is (toy coordinates, reward, next toy coordinates) and holds no action. The context is the last 32,
masked. The latent is Gaussian; decoding next state and reward from it follows the variational task inference of the
PEARL and MELTS line of systems.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from envs.tasks import ACTIVE_KINDS, BASE_TASKS, COORDINATES, VX, X

CONTEXT = 32
TRANSITION = 2 * len(COORDINATES) + 1
_SCALE = (10.0, 3.0)  # m, m/s
_FARTHEST = 60.0  # candidates beyond this specification are cut off


def pack(coordinates: Tensor, reward: Tensor, following: Tensor) -> Tensor:
    """Transitions (..., 5) from coordinates (..., 2), rewards (...,) and next coordinates (..., 2)."""
    return torch.cat([coordinates, reward.unsqueeze(-1), following], dim=-1)


def transition_features(transitions: Tensor) -> Tensor:
    """Features (..., 12) of transitions (..., 5).

    Beside the scaled values: the specifications that would explain the reward. From r = -|c/s - 1| a coordinate c
    leaves two candidates, s = c / (1 + r) and s = c / (1 - r); which one holds is what the encoder has to find out.
    """
    now, r, following = transitions[..., :2], transitions[..., 2:3], transitions[..., 3:]
    scale = transitions.new_tensor(_SCALE)
    # 1 + r crosses zero where a coordinate has not moved; there a candidate is unbounded and is cut off.
    near = 1.0 + r
    near = torch.where(near.abs() < 1e-4, torch.full_like(near, 1e-4), near)
    candidates = torch.cat([following / near, following / (1.0 - r)], dim=-1).clamp(-_FARTHEST, _FARTHEST)
    logs = candidates.sign() * torch.log1p(candidates.abs() / 0.1) / 3.0
    return torch.cat([now / scale, r.clamp(-4.0, 0.0), following / scale, logs, near.clamp(-3, 1)], dim=-1)


FEATURES = 10


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


class Encoder(nn.Module):
    """GRU over the context with a Gaussian latent; an empty context has a learnt latent of its own."""

    def __init__(self, latent: int, width: int) -> None:
        super().__init__()
        self.latent, self.width = latent, width
        self.embed = nn.Sequential(nn.Linear(FEATURES, width), nn.ELU(), nn.Linear(width, width), nn.ELU())
        self.gru = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, 2 * latent)

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
        out, _ = self.gru(self.embed(transition_features(transitions)))
        states = torch.cat([torch.zeros_like(out[:, :1]), out], dim=1)
        mean, log_variance = self.head(states).chunk(2, dim=-1)
        return Latent(mean, log_variance.clamp(-12.0, 2.0))


def mlp(inputs: int, width: int, outputs: int, depth: int = 2) -> nn.Sequential:
    """A plain ELU network with ``depth`` hidden layers."""
    sizes = [inputs] + [width] * depth
    layers: list[nn.Module] = []
    for a, b in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.Linear(a, b), nn.ELU()]
    return nn.Sequential(*layers, nn.Linear(width, outputs))


class Decoder(nn.Module):
    """Next coordinates from coordinates and action, and the reward of next coordinates under a latent."""

    def __init__(self, latent: int, width: int) -> None:
        super().__init__()
        self.state = mlp(len(COORDINATES) + 1, width, len(COORDINATES))
        self.reward = mlp(len(COORDINATES) + latent, width, 1)

    def next_state(self, coordinates: Tensor, action: Tensor) -> Tensor:
        """(..., 2) from coordinates (..., 2) and actions (...,)."""
        scale = coordinates.new_tensor(_SCALE)
        change = self.state(torch.cat([coordinates / scale, action.unsqueeze(-1)], dim=-1))
        return coordinates + change

    def rewards(self, following: Tensor, z: Tensor) -> Tensor:
        """(...,) from next coordinates (..., 2) and latents (..., latent)."""
        scale = following.new_tensor(_SCALE)
        return self.reward(torch.cat([following / scale, z], dim=-1)).squeeze(-1)


class TaskHead(nn.Module):
    """Base-task logits and, per kind, the specification, read linearly off a latent."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.logits = nn.Linear(latent, len(BASE_TASKS))
        self.specification = nn.Linear(latent, len(ACTIVE_KINDS))

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (..., base tasks) and specifications (..., kinds) in m/s and m."""
        scale = z.new_tensor([_SCALE[VX], _SCALE[X]])
        return self.logits(z), self.specification(z) * scale


class ToyPolicy(nn.Module):
    """Latent-conditioned policy of the toy: actions in [-1, 1]."""

    def __init__(self, latent: int, width: int) -> None:
        super().__init__()
        self.net = mlp(len(COORDINATES) + latent, width, 1)

    def forward(self, coordinates: Tensor, z: Tensor) -> Tensor:
        """Actions (...,) at coordinates (..., 2) under latents (..., latent)."""
        scale = coordinates.new_tensor(_SCALE)
        return torch.tanh(self.net(torch.cat([coordinates / scale, z], dim=-1))).squeeze(-1)
