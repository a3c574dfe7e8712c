"""Inference method ``pearl``: a posterior from a set of transitions, trained by the critic and the divergence alone.

Rakelly et al. 2019 (arXiv 1903.08254). What is multiplied over transitions, whose order does not matter, is in
``models.product``; at test time episodes are explored with a latent drawn from the posterior.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from envs.tasks import Space
from models.heads import Decoder, mlp
from models.transitions import position_features, position_size

#: Of the critic, per decision. The toy has no inertia, so what is best now is best; far values would only add noise.
DISCOUNT = 0.5


class Critic(nn.Module):
    """What follows from coordinates under a latent: the reward there, by its form, and what comes later."""

    def __init__(self, space: Space, latent: int, width: int) -> None:
        super().__init__()
        self.space = space
        self.later = mlp(position_size(space) + latent, width, 1)

    def forward(self, decoder: Decoder, following: Tensor, z: Tensor) -> Tensor:
        """(...,) value of having come to coordinates (..., c)."""
        features = torch.cat([position_features(self.space, following), z], dim=-1)
        return decoder.rewards(following, z) + self.later(features).squeeze(-1)
