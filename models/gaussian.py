"""Inference method ``gaussian``: one diagonal Gaussian, held towards N(0, I), as in variational encoders."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from envs.tasks import Space
from models.latents import Gaussian, Latent, Posterior, Terms, standard_divergence

#: Of a choice between explanations.
SHARPNESS = 4.0
_LITTLE = 1.5  # as much against both explanations, and a value of the state's own is as good
#: Log-variances are kept between these.
LOG_VARIANCES = (-12.0, 2.0)
#: A specification of this size, in units, shows half of its sign.
_HALFWAY = 0.03


class Choice(nn.Module):
    """Per kind, one of a transition's two candidates or a value of the state's own.

    To copy a number exactly is easy for a choice and hard for a network. The choice is a sharp one, as the mean of two
    explanations is neither.

    Args:
        width: features of a state.
        kinds: of the space.
        numbers: in an option.
        say: the most that the state may prefer one explanation to the other by, before what speaks for each. Its own
            value then counts only where both explain little. Without a bound, where labels tell whether that is right;
            else a habit is learnt that no evidence moves.
    """

    def __init__(self, width: int, kinds: int, numbers: int = 1, say: float | None = None) -> None:
        super().__init__()
        self.kinds, self.numbers, self.say = kinds, numbers, say
        self.net = nn.Linear(width, (numbers + (3 if say is None else 2)) * kinds)

    def forward(self, states: Tensor, options: Tensor, judged: Tensor) -> Tensor:
        """(n, time, kinds, numbers) of states, options (n, time, kinds, 2, numbers) and what speaks for each."""
        own, preferred = self.net(states).unflatten(-1, (self.kinds, -1)).tensor_split([self.numbers], dim=-1)
        if self.say is not None:
            preferred = nn.functional.pad(self.say * (preferred / self.say).tanh(), (1, 0), value=-_LITTLE)
        choice = preferred + nn.functional.pad(judged, (1, 0))
        weights = (SHARPNESS * choice).softmax(dim=-1)
        return (torch.cat([own.unsqueeze(-2), options], dim=-2) * weights.unsqueeze(-1)).sum(dim=-2)


def evidence(judged: Tensor) -> Tensor:
    """(..., kinds): how much speaks for each kind, of what speaks for each of its explanations (..., kinds, 2).

    As much as for the better one. A network that would have to find that out takes a goal for a speed as soon as
    something else has moved evenly for a while.
    """
    return SHARPNESS * judged.amax(dim=-1)


class Sight(nn.Module):
    """What labels teach to read: states, the specification chosen for each kind, and which base task that speaks for.

    Args:
        width: features of a state.
        kinds: of the space.
        outputs: numbers read off.
    """

    def __init__(self, width: int, kinds: int, outputs: int) -> None:
        super().__init__()
        self.choice = Choice(width, kinds)
        self.read = nn.Linear(width + 3 * kinds, outputs)

    def forward(self, states: Tensor, explained: Tensor, judged: Tensor) -> tuple[Tensor, Tensor]:
        """Specifications (n, time, kinds) and what is read (n, time, outputs)."""
        chosen = self.choice(states, explained.unsqueeze(-1), judged).squeeze(-1)
        likely = evidence(judged).softmax(dim=-1)
        way = likely * chosen / (chosen.abs() + _HALFWAY)
        return chosen, self.read(torch.cat([states, chosen, likely, way], dim=-1))


class GaussianPosterior(Posterior):
    """The specification of each kind is a choice between explanations, the rest is free.

    Args:
        space: toy coordinates and kinds.
        latent: size of the latent, more than the number of kinds.
        width: features of a state.
    """

    def __init__(self, space: Space, latent: int, width: int) -> None:
        super().__init__()
        self.size = self.doubts = latent
        self.told_from = kinds = len(space.kinds)
        self.sight = Sight(width, kinds, 2 * latent - kinds)

    def forward(self, states: Tensor, explained: Tensor, judged: Tensor) -> Gaussian:
        chosen, read = self.sight(states, explained, judged)
        rest, log_variance = read.split([self.size - self.told_from, self.size], dim=-1)
        return Gaussian(torch.cat([chosen, rest], dim=-1), log_variance.clamp(*LOG_VARIANCES))

    def terms(self, latent: Latent, base_task: Tensor) -> Terms:
        assert isinstance(latent, Gaussian)
        return {"divergence": standard_divergence(latent.mean, latent.log_variance)}
