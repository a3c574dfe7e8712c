"""Gradients of several losses that do not work against each other (PCGrad, Yu et al. 2020, arXiv 2001.06782)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn


def add_projected(losses: Sequence[Tensor], parameters: Sequence[nn.Parameter], rng: np.random.Generator) -> None:
    """Add the mean of the losses' gradients, projected, to those of the parameters."""
    whole = torch.stack([_flat_gradient(loss, parameters) for loss in losses])
    total = torch.stack([_projected(i, whole, rng) for i in range(len(whole))]).mean(dim=0)
    for parameter, part in zip(parameters, total.split([p.numel() for p in parameters]), strict=True):
        own = part.view_as(parameter)
        parameter.grad = own.clone() if parameter.grad is None else parameter.grad + own


def _projected(index: int, whole: Tensor, rng: np.random.Generator) -> Tensor:
    """One gradient without what points against another one, taken in random order."""
    own = whole[index]
    for other in whole[rng.permutation([i for i in range(len(whole)) if i != index])]:
        against = (own @ other).clamp(max=0.0)
        own = own - against / (other @ other).clamp(min=1e-12) * other
    return own


def _flat_gradient(loss: Tensor, parameters: Sequence[nn.Parameter]) -> Tensor:
    gradients = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
    pairs = zip(gradients, parameters, strict=True)
    return torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for g, p in pairs])
