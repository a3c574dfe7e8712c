"""What is inferred from transitions: distributions over latents, batched over any leading axes.

The first numbers of a latent are always, per kind of the space, the specification in units of ``kind_scale``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

Index = tuple[Tensor, Tensor]


class Latent(Protocol):
    """A distribution over latents (..., latent)."""

    @property
    def mean(self) -> Tensor:
        """(..., latent): what a deterministic agent goes by."""
        ...

    @property
    def spread(self) -> Tensor:
        """(..., doubts): its other parameters, which say how sure it is."""
        ...

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """One draw (..., latent), differentiable in the distribution."""
        ...

    def at(self, index: Index) -> Latent:
        """The distributions at these positions of the leading axes."""
        ...


#: Penalties (...) of a latent by name, without their weights.
Terms = Mapping[str, Tensor]


@dataclass(frozen=True)
class Fit:
    """How a prior is fitted: concentration of the Dirichlet process, and the smallest share of a cluster.

    Attributes:
        hard: whether a latent is held towards its likeliest cluster alone, instead of all by their likelihood.
    """

    concentration: float
    smallest: float
    hard: bool


class Posterior(nn.Module):
    """The part of an encoder that makes a latent of its states; what an inference method differs in.

    Attributes:
        size: numbers in a latent.
        doubts: numbers in the spread of one.
        told_from: which number of a latent is the first that the base task is read off.
    """

    size: int
    doubts: int
    told_from: int

    def forward(self, states: Tensor, explained: Tensor, judged: Tensor) -> Latent:
        """Latents (n, time, ...) of states (n, time, width), candidates and what speaks for them (..., kinds, 2)."""
        raise NotImplementedError

    def terms(self, latent: Latent, base_task: Tensor) -> Terms:
        """What the method penalises in latents (n, time) of base tasks (n, time): each (n, time)."""
        raise NotImplementedError

    def refit(self, latent: Latent, fit: Fit, seed: int) -> None:
        """Adapt the prior to latents (n, time), where it is not a fixed one."""


@dataclass(frozen=True)
class Gaussian:
    """A diagonal Gaussian over latents: mean and log-variance (..., latent)."""

    mean: Tensor
    log_variance: Tensor

    @property
    def spread(self) -> Tensor:
        return self.log_variance

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """One draw by the reparameterisation trick."""
        return drawn(self.mean, self.log_variance, generator)

    def at(self, index: Index) -> Gaussian:
        """The Gaussians at these positions."""
        return Gaussian(self.mean[index], self.log_variance[index])


def drawn(mean: Tensor, log_variance: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """A draw of Gaussians by the reparameterisation trick."""
    noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype)
    return mean + noise * (0.5 * log_variance).exp()


def divergence(ours: Gaussian, theirs: Gaussian) -> Tensor:
    """(...,): divergence of Gaussians from others, number by number."""
    difference = ours.log_variance - theirs.log_variance
    away = (ours.mean - theirs.mean) ** 2 * (-theirs.log_variance).exp()
    return 0.5 * (difference.exp() + away - 1.0 - difference).sum(-1)


def standard_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """(...,): divergence of Gaussians (..., latent) from the standard normal."""
    return 0.5 * (mean**2 + log_variance.exp() - 1.0 - log_variance).sum(-1)
