"""Inference method ``stick_breaking``: base-task weights from Kumaraswamy sticks under a Beta prior.

Nalisnick and Smyth 2017 (arXiv 1605.06197): v_k ~ Kumaraswamy(a_k, b_k), weight_k = v_k (1 - v_1) ... (1 - v_{k-1}).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import torch
from numpy.polynomial.legendre import leggauss
from torch import Tensor
from torch.nn.functional import softplus

from envs.tasks import Space
from models.gaussian import LOG_VARIANCES, Sight
from models.latents import Gaussian, Index, Latent, Posterior, Terms, standard_divergence

#: Beta(1, 5), the published prior of a stick.
_PRIOR = 5.0
#: Of the quadrature in the divergence.
_NODES = 32
#: Logarithm of what is as good as nothing, but can be divided.
_LOWEST = -60.0
#: Sticks are kept from having no spread, or no mode; how steeply their shapes follow what is read.
_SMALLEST, _STEEP = 0.05, 4.0
#: What the weights in a latent sum to: as large as its specifications, or base tasks are slow to part.
_SHOWN = 4.0
_EDGE = 1e-4


@dataclass(frozen=True)
class Sticks:
    """Gaussian specifications (..., kinds) beside sticks: their shapes a and b (..., K - 1)."""

    specifications: Gaussian
    a: Tensor
    b: Tensor

    @property
    def mean(self) -> Tensor:
        """Of independent sticks the weights' mean is made of the sticks' means, b B(1 + 1/a, b)."""
        one = 1.0 + 1.0 / self.a
        log_mean = self.b.log() + one.lgamma() + self.b.lgamma() - (one + self.b).lgamma()
        return torch.cat([self.specifications.mean, _SHOWN * broken(log_mean.exp())], dim=-1)

    @property
    def spread(self) -> Tensor:
        return torch.cat([self.specifications.log_variance, self.a.log(), self.b.log()], dim=-1)

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        u = torch.rand(self.a.shape, generator=generator).clamp(_EDGE, 1.0 - _EDGE)
        sticks = (1.0 - u ** (1.0 / self.b)).clamp(_EDGE, 1.0) ** (1.0 / self.a)
        return torch.cat([self.specifications.sample(generator), _SHOWN * broken(sticks)], dim=-1)

    def at(self, index: Index) -> Sticks:
        return Sticks(self.specifications.at(index), self.a[index], self.b[index])


def broken(sticks: Tensor) -> Tensor:
    """(..., K): weights, which sum to 1, of sticks (..., K - 1) in [0, 1]."""
    left = torch.cat([torch.ones_like(sticks[..., :1]), (1.0 - sticks).cumprod(dim=-1)], dim=-1)
    return left * torch.cat([sticks, torch.ones_like(sticks[..., :1])], dim=-1)


def stick_divergence(a: Tensor, b: Tensor, prior: float = _PRIOR) -> Tensor:
    """Divergence (...) of Kumaraswamy(a, b) from Beta(1, prior).

    All but the mean of log(1 - v) has a closed form. Of that 1 / b has, too, and what is left is bounded and smooth in
    u = (1 - v^a)^b: some nodes integrate it, where the usual series, cut off, makes the divergence negative.
    """
    nodes, weights = (torch.as_tensor(values, dtype=a.dtype) for values in leggauss(_NODES))
    log_rest = ((0.5 + 0.5 * nodes).log() / b.unsqueeze(-1)).clamp(min=_LOWEST)  # of 1 - v^a
    log_stick = torch.log1p(-log_rest.exp()) / a.unsqueeze(-1)
    bounded = ((-torch.expm1(log_stick)).log() - log_rest) @ (0.5 * weights)
    euler = -torch.digamma(a.new_ones(()))
    entropy = (a - 1.0) / a * (-euler - torch.digamma(b) - 1.0 / b) + (a * b).log() - (b - 1.0) / b
    return entropy - log(prior) + (prior - 1.0) * (1.0 / b - bounded)


class StickBreakingPosterior(Posterior):
    """Specifications by choice, the rest of the latent is the weights of the base tasks.

    Args:
        space: toy coordinates and kinds; the latent has as many numbers as it has kinds and base tasks.
        latent: not asked for, as the space says it.
        width: features of a state.
    """

    def __init__(self, space: Space, latent: int, width: int) -> None:
        super().__init__()
        self.kinds, sticks = len(space.kinds), len(space.base_tasks) - 1
        self.size, self.doubts = self.kinds + sticks + 1, self.kinds + 2 * sticks
        self.told_from = 0  # of weights alone: a stick that two base tasks have come to share is hardly broken again
        self.sight = Sight(width, self.kinds, self.kinds + 2 * sticks)

    def forward(self, states: Tensor, explained: Tensor, judged: Tensor) -> Sticks:
        chosen, read = self.sight(states, explained, judged)
        log_variance, shapes = read[..., : self.kinds], _SMALLEST + softplus(_STEEP * read[..., self.kinds :])
        a, b = shapes.chunk(2, dim=-1)
        return Sticks(Gaussian(chosen, log_variance.clamp(*LOG_VARIANCES)), a, b)

    def terms(self, latent: Latent, base_task: Tensor) -> Terms:
        assert isinstance(latent, Sticks)
        own = standard_divergence(latent.specifications.mean, latent.specifications.log_variance)
        return {"divergence": own + stick_divergence(latent.a, latent.b).sum(dim=-1)}
