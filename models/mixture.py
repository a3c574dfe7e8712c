"""A mixture of diagonal Gaussians under a Dirichlet process: how many components there are follows from the data.

scikit-learn's variational mixture finds components; that they survive a refit, are merged and must have a smallest size
is added here. A fit is judged by the description length of the data (BIC).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import log, pi
from typing import TYPE_CHECKING
from warnings import catch_warnings, simplefilter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

if TYPE_CHECKING:
    from sklearn.mixture import BayesianGaussianMixture, GaussianMixture

#: Components at most, and how many a refit may add.
MOST = 32
_BIRTHS = 6
_LEAST_VARIANCE = 1e-3
#: Two heaps are clusters if so many times their deviations lie between their means; evenly spread values have 1.7. No
#: deviation counts as smaller than this.
_APART, _FINEST = 2.5, 0.15
_ITERATIONS = 100

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Mixture:
    """Weights (K,), means (K, d) and log-variances (K, d)."""

    weights: Tensor
    means: Tensor
    log_variances: Tensor

    @property
    def parts(self) -> tuple[Tensor, Tensor, Tensor]:
        """Weights, means, log-variances."""
        return self.weights, self.means, self.log_variances

    def log_densities(self, values: Tensor) -> Tensor:
        """(..., K): log of weight times density at values (..., d)."""
        away = (values.unsqueeze(-2) - self.means).pow(2) / self.log_variances.exp()
        return self.weights.log() - 0.5 * (away + self.log_variances + log(2 * pi)).sum(dim=-1)

    def responsibilities(self, values: Tensor) -> Tensor:
        """(..., K): probabilities of the components at values (..., d)."""
        return self.log_densities(values).softmax(dim=-1)

    def divergences(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        """(..., K): divergence of Gaussians (..., d) from each component."""
        mean, log_variance = mean.unsqueeze(-2), log_variance.unsqueeze(-2)
        apart = log_variance - self.log_variances
        away = (mean - self.means).pow(2) / self.log_variances.exp()
        return 0.5 * (apart.exp() + away - 1.0 - apart).sum(dim=-1)

    def length(self, values: Tensor) -> float:
        """Description length of values (n, d), in nats: misfit, and half a logarithm of n per parameter."""
        parameters = len(self.weights) * (1 + 2 * self.means.shape[1])
        return float(-self.log_densities(values).logsumexp(dim=-1).sum()) + 0.5 * parameters * log(len(values))


def refitted(before: Mixture | None, values: Tensor, concentration: float, smallest: float, seed: int) -> Mixture:
    """The mixture that describes values (n, d) in the shortest way.

    It is a new one, what became of the old one, or the better of these with components parted that hold two clusters.

    Args:
        before: the last mixture; its components go on where they were.
        values: latents.
        concentration: of the Dirichlet process; the larger, the more components.
        smallest: share of the values below which a component is given up.
        seed: of the new components' places.
    """
    data = values.double().numpy()
    known = 0 if before is None else len(before.weights)
    found = [_new(data, min(known + _BIRTHS, MOST), concentration, seed)]
    if before is not None:
        found.append(_continued(before, data))
    best = _shortest([_merged(_large_enough(mixture, smallest), values) for mixture in found], values)
    parted = _large_enough(_parted(best, values), smallest)
    if len(parted.weights) > MOST:
        return best
    return _shortest([best, _merged(_continued(parted, data), values)], values)


def _shortest(mixtures: Sequence[Mixture], values: Tensor) -> Mixture:
    return min(mixtures, key=lambda mixture: mixture.length(values))


def _new(data: Floats, components: int, concentration: float, seed: int) -> Mixture:
    """By variational inference, from places among the data."""
    from sklearn.mixture import BayesianGaussianMixture  # where it is used: who acts needs no fit and should not wait

    model = BayesianGaussianMixture(
        n_components=components,
        covariance_type="diag",
        weight_concentration_prior_type="dirichlet_process",
        weight_concentration_prior=concentration,
        init_params="k-means++",
        reg_covar=_LEAST_VARIANCE,
        max_iter=_ITERATIONS,
        random_state=seed,
    )
    return _fit(model, data)


def _continued(before: Mixture, data: Floats) -> Mixture:
    """By expectation maximisation, from where the components were."""
    from sklearn.mixture import GaussianMixture

    weights, means, log_variances = (part.double().numpy() for part in before.parts)
    model = GaussianMixture(
        n_components=len(weights),
        covariance_type="diag",
        weights_init=weights / weights.sum(),
        means_init=means,
        precisions_init=np.exp(-log_variances),
        reg_covar=_LEAST_VARIANCE,
        max_iter=_ITERATIONS,
    )
    return _fit(model, data)


def _parted(mixture: Mixture, values: Tensor) -> Mixture:
    """Two components in place of each whose values (n, d) lie in two heaps, well apart along some direction."""
    nearest = mixture.responsibilities(values).argmax(dim=-1)
    heaps = [heap for k in nearest.unique() for heap in _heaps(values[nearest == k])]
    weights = torch.tensor([len(heap) / len(values) for heap in heaps])
    variances = torch.stack([heap.var(dim=0, correction=0) for heap in heaps])
    means = torch.stack([heap.mean(dim=0) for heap in heaps])
    return Mixture(weights, means, variances.clamp(min=_LEAST_VARIANCE).log())


def _heaps(values: Tensor) -> list[Tensor]:
    """Values (n, d) above and below their mean along the direction that parts them best, if that is well enough."""
    above = values > values.mean(dim=0)
    sides = [torch.where(side, values, torch.nan) for side in (above, ~above)]
    high, low = (side.nanmean(dim=0) for side in sides)
    wide = [((side - side.nanmean(dim=0)) ** 2).nanmean(dim=0).sqrt().clamp(min=_FINEST) for side in sides]
    apart = ((high - low) / (wide[0] + wide[1])).nan_to_num(0.0)
    best = int(apart.argmax())
    return [values[above[:, best]], values[~above[:, best]]] if apart[best] > _APART else [values]


def _fit(model: BayesianGaussianMixture | GaussianMixture, data: Floats) -> Mixture:
    from sklearn.exceptions import ConvergenceWarning

    with catch_warnings():
        simplefilter("ignore", ConvergenceWarning)  # the next refit goes on
        model.fit(data)
    found = (model.weights_, model.means_, np.log(np.asarray(model.covariances_)))
    return Mixture(*(torch.as_tensor(np.asarray(part), dtype=torch.float32) for part in found))


def _large_enough(mixture: Mixture, smallest: float) -> Mixture:
    """Without the components that hold too little; the largest stays."""
    kept = (mixture.weights >= smallest) | (mixture.weights == mixture.weights.max())
    weights, means, log_variances = (part[kept] for part in mixture.parts)
    return Mixture(weights / weights.sum(), means, log_variances)


def _merged(mixture: Mixture, values: Tensor) -> Mixture:
    """With pairs merged as long as that shortens the description, the best pair first."""
    length = mixture.length(values)
    while len(mixture.weights) > 1:
        candidates = [_merge(mixture, first, second) for first, second in combinations(range(len(mixture.weights)), 2)]
        best = min(candidates, key=lambda candidate: candidate.length(values))
        if best.length(values) >= length:
            break
        mixture, length = best, best.length(values)
    return mixture


def _merge(mixture: Mixture, first: int, second: int) -> Mixture:
    """With one component of the same two moments in place of two."""
    pair = torch.tensor([first, second])
    weight = mixture.weights[pair].sum()
    share = (mixture.weights[pair] / weight).unsqueeze(-1)
    mean = (share * mixture.means[pair]).sum(dim=0)
    variance = (share * (mixture.log_variances[pair].exp() + (mixture.means[pair] - mean).pow(2))).sum(dim=0)
    others = torch.tensor([k for k in range(len(mixture.weights)) if k not in (first, second)], dtype=torch.long)
    merged = (weight[None], mean[None], variance.log()[None])
    return Mixture(*(torch.cat([part[others], new]) for part, new in zip(mixture.parts, merged, strict=True)))
