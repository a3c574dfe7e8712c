"""Latents that also say how sure they are: any method's, with the parameters of its distribution beside the mean."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from models.latents import Fit, Index, Latent, Posterior, Terms

#: Brings logarithms of variances to the order of 1.
_SCALE = 0.2


@dataclass(frozen=True)
class Parameters:
    """A latent, followed by its spread."""

    inner: Latent

    @property
    def mean(self) -> Tensor:
        return torch.cat([self.inner.mean, self.spread], dim=-1)

    @property
    def spread(self) -> Tensor:
        return _SCALE * self.inner.spread

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        return torch.cat([self.inner.sample(generator), self.spread], dim=-1)

    def at(self, index: Index) -> Parameters:
        return Parameters(self.inner.at(index))


class ParametersPosterior(Posterior):
    """The posterior of a method, whose latents are followed by their spread.

    Args:
        inner: of the method.
    """

    def __init__(self, inner: Posterior) -> None:
        super().__init__()
        self.inner = inner
        self.size, self.doubts, self.told_from = inner.size + inner.doubts, inner.doubts, inner.told_from

    def forward(self, states: Tensor, explained: Tensor, judged: Tensor) -> Parameters:
        return Parameters(self.inner(states, explained, judged))

    def terms(self, latent: Latent, base_task: Tensor) -> Terms:
        assert isinstance(latent, Parameters)
        return self.inner.terms(latent.inner, base_task)

    def refit(self, latent: Latent, fit: Fit, seed: int) -> None:
        assert isinstance(latent, Parameters)
        self.inner.refit(latent.inner, fit, seed)
