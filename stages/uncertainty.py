"""How sure a belief is of a specification: what draws from the latent's distribution say."""

from __future__ import annotations

import torch

from envs.tasks import Floats, Ints
from models.encoder import Belief, Encoder
from models.toy_agent import ToyAgent

_DRAWS, _SEED = 64, 70_001
#: Bounds of a 90 % interval.
_INTERVAL = (0.05, 0.95)


@torch.no_grad()
def specification_interval(toy: ToyAgent, encoder: Encoder, belief: Belief, place: Ints) -> tuple[Floats, Floats]:
    """Bounds (n,) of the 90 % interval of the specification of a kind, each in the kind's unit.

    Args:
        toy: whose head reads the latent.
        encoder: that gave the beliefs (n).
        place: (n,) of the kind in its space.
    """
    latent, generator = encoder.infer(belief), torch.Generator().manual_seed(_SEED)
    draws = torch.stack([latent.sample(generator) for _ in range(_DRAWS)])
    told = toy.head(draws)[1][:, torch.arange(len(place)), torch.as_tensor(place)]
    low, high = torch.quantile(told, torch.tensor(_INTERVAL), dim=0).numpy()
    return low, high
