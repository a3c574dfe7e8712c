"""Encoder ``product``: every transition is a factor, what is inferred their product; their order does not matter.

A product of Gaussians has as its mean the factors' means, weighted by their precisions. One part of it is a regression:
a transition to c with reward r says of the specification s of the right kind that (1 - r^2) s^2 - 2 c s + c^2 = 0, one
row of a system that is linear in (s^2, s, 1). Which s makes all rows small, and how small, follows from a sum over
transitions, as a product of Gaussians does.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from envs.tasks import Space
from models.encoder import Encoder, States, embedding
from models.heads import mlp
from models.latents import Posterior
from models.sequence import Sequence
from models.transitions import candidates, outcome, transition_features

#: Specifications that are tried, in units: how far, in how many steps, and how often the best is refined. No task has
#: smaller ones, which would explain whatever stands still.
_REACH, _TRIED, _REFINED = (0.08, 4.0), 96, 3
#: What is never divided by, and the length of a row, of at most 1, that begins to tell.
_NOTHING, _TELLING = 1e-14, 1e-5


class ProductEncoder(Encoder):
    """Factors of the features, and of the regression that finds each kind's specification.

    Args:
        space: toy coordinates and kinds.
        posterior: of the method.
        width: features of a state.
    """

    def __init__(self, space: Space, posterior: Posterior, width: int) -> None:
        super().__init__(space, Sequence(width), posterior, embedding(space, width, horizons=0), horizons=1)
        self.factor = nn.Linear(width, 2 * width)
        self.found = mlp(6 * len(space.kinds), width, width, depth=1)
        self.width = width

    def begin(self, n: int) -> Tensor:
        kinds = len(self.space.kinds)
        return torch.zeros(n, 1, 2 * self.width + 5 * kinds, dtype=torch.float64)

    def remember(self, transitions: Tensor) -> tuple[Tensor, Tensor]:
        sums = self._factors(transitions).cumsum(dim=1)[:, -1:]
        return sums, self._latent(sums)

    def follow(self, carried: Tensor, transitions: Tensor) -> tuple[Tensor, Tensor]:
        sums = carried + self._factors(transitions[:, -1:])
        return sums, self._latent(sums)

    def _latent(self, sums: Tensor) -> Tensor:
        return self._latents(*self._read(sums)).mean[:, 0]

    def explained(self, transitions: Tensor) -> tuple[Tensor, Tensor]:
        """Per kind a specification of each sign (n, time, kinds, 2), and its misfit, of (n, time, 2 c + 1)."""
        _, found, misfit = self._states(transitions)
        return found, misfit.squeeze(-1)

    def _states(self, transitions: Tensor) -> States:
        return self._read(self._factors(transitions).cumsum(dim=1))

    def _factors(self, transitions: Tensor) -> Tensor:
        """(n, time, sums): what each transition adds; in double precision, as small rows decide."""
        explained = candidates(self.space, transitions)
        features = transition_features(self.space, transitions, explained, explained.new_zeros(*explained.shape, 0))
        mean, precision = self.factor(self.embed(features)).chunk(2, dim=-1)
        precision = softplus(precision)
        squares = _squared_rows(self.space, transitions.double()).flatten(-2)
        return torch.cat([(precision * mean).double(), precision.double(), squares], dim=-1)

    def _read(self, sums: Tensor) -> States:
        weighted, precision, squares = sums.split([self.width, self.width, sums.shape[-1] - 2 * self.width], dim=-1)
        kinds = len(self.space.kinds)
        found, small = _solved(squares.unflatten(-1, (kinds, 5)))
        misfit = torch.log1p(small.sqrt() / _TELLING) / 10.0
        judged = torch.cat([found, found.abs().log(), misfit], dim=-1).float()
        product = (weighted / (precision + 1.0)).float()  # the prior is a factor, too
        states = nn.functional.elu(product + self.found(judged.flatten(-2)))
        return states, found.float(), misfit.float().unsqueeze(-1)


def _squared_rows(space: Space, transitions: Tensor) -> Tensor:
    """(n, time, kinds, 5): squared rows of the regression as polynomials in s, highest power first."""
    r, c = outcome(space, transitions)
    rows = torch.stack([(1.0 - r**2).expand_as(c), -2.0 * c, c**2], dim=-1)
    x, y, z = nn.functional.normalize(rows, dim=-1, eps=1e-6).unbind(dim=-1)
    return torch.stack([x**2, 2.0 * x * y, 2.0 * x * z + y**2, 2.0 * y * z, z**2], dim=-1)


@torch.no_grad()
def _solved(squares: Tensor) -> tuple[Tensor, Tensor]:
    """Specifications (..., 2), one of each sign, that make sums of squared rows (..., 5) least, and how small they are.

    Tried on a grid, then refined by Newton's steps. Nothing of it is learnt.
    """
    low, high = torch.tensor(_REACH, dtype=squares.dtype).log().tolist()
    grid = torch.linspace(low, high, _TRIED, dtype=squares.dtype).exp()
    tried = torch.stack([grid, -grid])
    values = (squares @ _powers(tried.flatten()).mT / _length(tried.flatten())).unflatten(-1, (2, _TRIED))
    found = tried[torch.arange(2), values.argmin(dim=-1)]
    for _ in range(_REFINED):
        found = found * _newton(squares.unsqueeze(-2), found)
    return found, _value(squares.unsqueeze(-2), found) / _length(found)


def _powers(s: Tensor) -> Tensor:
    """(..., 5): s to the powers 4 to 0."""
    return s.unsqueeze(-1) ** torch.arange(4, -1, -1, dtype=s.dtype)


def _length(s: Tensor) -> Tensor:
    """(...): squared length of (s^2, s, 1)."""
    return s**4 + s**2 + 1.0


def _value(polynomial: Tensor, s: Tensor) -> Tensor:
    """(...): a polynomial (..., 5) at s (...)."""
    return (polynomial * _powers(s)).sum(dim=-1).clamp(min=0.0)


def _newton(polynomial: Tensor, s: Tensor) -> Tensor:
    """(...): factor by which a Newton step corrects s, held within a step of the grid."""
    p = polynomial
    slope = ((4.0 * p[..., 0] * s + 3.0 * p[..., 1]) * s + 2.0 * p[..., 2]) * s + p[..., 3]
    bend = ((12.0 * p[..., 0] * s + 6.0 * p[..., 1]) * s + 2.0 * p[..., 2]).clamp(min=_NOTHING)
    return (1.0 - slope / (bend * s)).clamp(0.94, 1.06)
