"""The inference methods and encoders that can be chosen, and which go together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from torch import nn

from envs.tasks import Space
from models.encoder import Encoder, embedding
from models.gaussian import GaussianPosterior
from models.heads import Decoder, FormDecoder, NetworkDecoder
from models.latents import Posterior
from models.melts import FoldedPosterior, MeltsPosterior
from models.parameters import ParametersPosterior
from models.product import ProductEncoder
from models.sequence import SEQUENCES
from models.stick_breaking import StickBreakingPosterior
from models.tigr import TigrPosterior
from models.transitions import HORIZONS

#: What may shape a latent: true base tasks and specifications, decoded rewards, the policy's success, a critic's error.
Teacher = Literal["labels", "reward", "policy", "critic"]


@dataclass(frozen=True)
class Method:
    """An inference method.

    Attributes:
        posterior: how it makes a latent of states.
        teachers: whose errors reach the latent; the others are taught on what it is.
        decoder: of rewards.
        weights: of its penalties, by name.
    """

    posterior: type[Posterior]
    teachers: frozenset[Teacher]
    decoder: type[Decoder]
    weights: Mapping[str, float]


_TAUGHT: frozenset[Teacher] = frozenset({"labels", "reward", "policy"})

METHODS: Mapping[str, Method] = {
    "gaussian": Method(GaussianPosterior, _TAUGHT, NetworkDecoder, {"divergence": 1e-4}),
    "tigr": Method(
        TigrPosterior, _TAUGHT, NetworkDecoder, {"divergence": 1e-4, "sparsity": 1e-4, "crowding": 1e-3, "classes": 0.1}
    ),
    "melts": Method(MeltsPosterior, frozenset({"reward"}), FormDecoder, {"divergence": 5e-4}),
    "stick_breaking": Method(StickBreakingPosterior, _TAUGHT, NetworkDecoder, {"divergence": 1e-4}),
    "pearl": Method(FoldedPosterior, frozenset({"critic"}), FormDecoder, {"divergence": 5e-4}),
}


def make_encoder(space: Space, method: str, encoder: str, latent: int, width: int, parameters: bool = False) -> Encoder:
    """A new encoder of a method, with a network along the context by name; its latents with all parameters or not."""

    def posterior() -> Posterior:
        plain = METHODS[method].posterior(space, latent, width)
        return ParametersPosterior(plain) if parameters else plain

    if encoder == "product":
        return ProductEncoder(space, posterior(), width)
    embed: nn.Module = embedding(space, width)  # made first: what is drawn at random comes in this order
    sequence = SEQUENCES[encoder](width)
    return Encoder(space, sequence, posterior(), embed, len(HORIZONS))
