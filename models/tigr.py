"""Inference method ``tigr``: a mixture of Gaussians, one per base task, whose logits are held to the true base task.

TIGR (Bing et al. 2021, arXiv 2108.03718), its mixture with known base tasks. Two penalties are changed: components
repel each other by a bounded term where the original divides by a distance that may be zero, and each component's
divergence counts by its weight.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from envs.tasks import Space
from models.gaussian import LOG_VARIANCES, Sight
from models.latents import Index, Latent, Posterior, Terms, drawn, standard_divergence


@dataclass(frozen=True)
class ClassMixture:
    """Logits (..., K), means and log-variances (..., K, latent) of the components.

    A latent is the mean of the components' own, weighted by their probabilities, as in the original.
    """

    logits: Tensor
    means: Tensor
    log_variances: Tensor

    @property
    def weights(self) -> Tensor:
        """(..., K, 1)."""
        return self.logits.softmax(dim=-1).unsqueeze(-1)

    @property
    def mean(self) -> Tensor:
        return (self.weights * self.means).sum(dim=-2)

    @property
    def spread(self) -> Tensor:
        own = (self.weights * self.log_variances).sum(dim=-2)
        return torch.cat([self.weights.squeeze(-1), own], dim=-1)

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        return (self.weights * drawn(self.means, self.log_variances, generator)).sum(dim=-2)

    def at(self, index: Index) -> ClassMixture:
        return ClassMixture(self.logits[index], self.means[index], self.log_variances[index])


class TigrPosterior(Posterior):
    """Components share the specifications and differ in the rest.

    Args:
        space: toy coordinates and kinds.
        latent: size of the latent, more than the number of kinds.
        width: features of a state.
    """

    def __init__(self, space: Space, latent: int, width: int) -> None:
        super().__init__()
        self.size, self.kinds, self.classes = latent, len(space.kinds), len(space.base_tasks)
        self.doubts, self.told_from = self.classes + latent, self.kinds
        self.sight = Sight(width, self.kinds, self.classes * (1 + 2 * latent - self.kinds))

    def forward(self, states: Tensor, explained: Tensor, judged: Tensor) -> ClassMixture:
        chosen, read = self.sight(states, explained, judged)
        logits, parts = read.tensor_split([self.classes], dim=-1)
        sizes = [self.size - self.kinds, self.size]
        rest, log_variances = parts.unflatten(-1, (self.classes, -1)).split(sizes, dim=-1)
        shared = chosen.unsqueeze(-2).expand(*rest.shape[:-1], self.kinds)
        return ClassMixture(logits, torch.cat([shared, rest], dim=-1), log_variances.clamp(*LOG_VARIANCES))

    def terms(self, latent: Latent, base_task: Tensor) -> Terms:
        assert isinstance(latent, ClassMixture)
        divergence = latent.weights.squeeze(-1) * standard_divergence(latent.means, latent.log_variances)
        return {
            "divergence": divergence.sum(dim=-1),
            "sparsity": latent.mean[..., self.kinds :].abs().mean(dim=-1),
            "crowding": self._crowding(latent),
            "classes": cross_entropy(latent.logits.movedim(-1, 1), base_task, reduction="none"),
        }

    def _crowding(self, latent: ClassMixture) -> Tensor:
        """(...,) in [0, 1]: how close the components lie, in units of their variances; 1 where all coincide."""
        free = latent.means[..., self.kinds :]
        spread = latent.log_variances[..., self.kinds :].exp().sum(dim=-1)
        apart = (free.unsqueeze(-2) - free.unsqueeze(-3)).pow(2).sum(dim=-1)
        scale = spread.unsqueeze(-1) + spread.unsqueeze(-2)
        others = 1.0 - torch.eye(self.classes)
        return (others * scale / (scale + apart)).sum(dim=(-2, -1)) / others.sum()
