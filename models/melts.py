"""Inference method ``melts``: a Gaussian held towards a Dirichlet-process mixture of latents, without any labels.

MELTS (Bing et al.), whose prior is refitted while the encoder trains. Nothing but rewards shapes the latent. Where the
original hands its samples to the mixture as they are, here a specification is held as sign and logarithm: its errors
are relative, and forward and backward, which touch as numbers, lie apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from envs.tasks import Space
from models.gaussian import LOG_VARIANCES, Choice, evidence
from models.latents import Fit, Index, Latent, Posterior, Terms, drawn, standard_divergence
from models.mixture import MOST, Mixture, refitted

#: Sizes of specifications whose logarithm is held, in units.
_SMALLEST, _LARGEST = 0.01, 4.0
#: Latents that a mixture is fitted to.
_FITTED = 2000
#: The most that a state may prefer an explanation by.
_SAY = 0.5


def folded(values: Tensor) -> Tensor:
    """(..., 2): sign and logarithm of values (...)."""
    return torch.stack([values.sign(), values.abs().clamp(min=_SMALLEST).log()], dim=-1)


def unfolded(pairs: Tensor) -> Tensor:
    """Values (...) of signs and logarithms (..., 2); between the signs lies nothing."""
    return pairs[..., 0].clamp(-1.0, 1.0) * pairs[..., 1].exp().clamp(max=_LARGEST)


@dataclass(frozen=True)
class FoldedGaussian:
    """A Gaussian over (..., 3 kinds): logits of what kind the task is, then of each kind sign and logarithm.

    The latent shows the specifications, and behind them what a prior sees: how likely each kind is, and signs and
    logarithms, which count as much as their kind. What a task is not about follows from whatever moved, and would tell
    nothing.

    Attributes:
        place, log_variance: of the Gaussian.
        kinds: how many.
    """

    place: Tensor
    log_variance: Tensor
    kinds: int

    @property
    def mean(self) -> Tensor:
        return self._shown(self.place)

    @property
    def spread(self) -> Tensor:
        return self.log_variance

    @property
    def held(self) -> Tensor:
        """(..., 3 kinds): the mean as a prior sees it."""
        return self.mean[..., self.kinds :]

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        return self._shown(drawn(self.place, self.log_variance, generator))

    def at(self, index: Index) -> FoldedGaussian:
        return FoldedGaussian(self.place[index], self.log_variance[index], self.kinds)

    def _shown(self, place: Tensor) -> Tensor:
        logits, pairs = place.tensor_split([self.kinds], dim=-1)
        relevance, pairs = logits.softmax(dim=-1), pairs.unflatten(-1, (self.kinds, 2))
        counted = relevance.detach().unsqueeze(-1) * pairs
        return torch.cat([unfolded(pairs), relevance, counted.flatten(-2)], dim=-1)


class FoldedPosterior(Posterior):
    """Of each kind how likely it is, and sign and logarithm of its specification, held towards N(0, I).

    Args:
        space: toy coordinates and kinds, which say how large the latent is.
        latent: not asked for.
        width: features of a state.
    """

    def __init__(self, space: Space, latent: int, width: int) -> None:
        super().__init__()
        self.kinds = self.told_from = len(space.kinds)
        self.size, self.doubts = 4 * self.kinds, 3 * self.kinds
        self.choice = Choice(width, self.kinds, numbers=2, say=_SAY)
        self.head = nn.Linear(width + 2 * self.kinds, self.kinds + self.doubts)

    def forward(self, states: Tensor, explained: Tensor, judged: Tensor) -> FoldedGaussian:
        chosen = self.choice(states, folded(explained), judged).flatten(-2)
        sizes = [self.kinds, self.doubts]
        logits, log_variance = self.head(torch.cat([states, chosen], dim=-1)).split(sizes, dim=-1)
        place = torch.cat([logits + evidence(judged), chosen], dim=-1)
        return FoldedGaussian(place, log_variance.clamp(*LOG_VARIANCES), self.kinds)

    def terms(self, latent: Latent, base_task: Tensor) -> Terms:
        assert isinstance(latent, FoldedGaussian)
        return {"divergence": standard_divergence(latent.held, latent.log_variance)}


class MeltsPosterior(FoldedPosterior):
    """The same, held towards the mixture that was fitted last; before the first fit towards N(0, I)."""

    weights: Tensor
    means: Tensor
    log_variances: Tensor
    hard: Tensor

    def __init__(self, space: Space, latent: int, width: int) -> None:
        super().__init__(space, latent, width)
        self.register_buffer("means", torch.zeros(MOST, self.doubts))
        self.register_buffer("log_variances", torch.zeros(MOST, self.doubts))
        self.register_buffer("weights", torch.zeros(MOST))
        self.register_buffer("hard", torch.tensor(False))

    @property
    def mixture(self) -> Mixture:
        """The prior."""
        here = self.weights > 0
        return Mixture(self.weights[here], self.means[here], self.log_variances[here])

    def keep(self, mixture: Mixture) -> None:
        """Take a mixture of at most ``MOST`` components as the prior."""
        for buffer, values in zip((self.weights, self.means, self.log_variances), mixture.parts, strict=True):
            buffer.zero_()
            buffer[: len(values)] = values

    def terms(self, latent: Latent, base_task: Tensor) -> Terms:
        assert isinstance(latent, FoldedGaussian)
        if not bool(self.weights.any()):
            return super().terms(latent, base_task)
        mixture, held = self.mixture, latent.held
        with torch.no_grad():
            share = mixture.responsibilities(drawn(held, latent.log_variance))
            if bool(self.hard):
                share = nn.functional.one_hot(share.argmax(dim=-1), share.shape[-1]).to(share.dtype)
        return {"divergence": (share * mixture.divergences(held, latent.log_variance)).sum(dim=-1)}

    def refit(self, latent: Latent, fit: Fit, seed: int) -> None:
        """Fit the mixture to some of the means (``models.mixture.refitted``)."""
        assert isinstance(latent, FoldedGaussian)
        means = latent.held.detach().flatten(0, -2)
        some = torch.randperm(len(means), generator=torch.Generator().manual_seed(seed))[:_FITTED]
        before = self.mixture if bool(self.weights.any()) else None
        self.keep(refitted(before, means[some], fit.concentration, fit.smallest, seed))
        self.hard.fill_(fit.hard)

    def clusters(self, z: Tensor) -> Tensor:
        """(...,) the component that each of latents (..., latent) most likely belongs to."""
        return self.mixture.responsibilities(z[..., self.kinds :]).argmax(dim=-1)
