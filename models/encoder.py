"""Task inference: from the last transitions to a latent, and a belief that is updated one transition at a time.

The context is the last 32 transitions, masked. Inferring tasks from rewards and decoding rewards from what was inferred
follows the PEARL and MELTS line of systems.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from envs.tasks import Space
from models.latents import Latent, Posterior
from models.sequence import Sequence
from models.transitions import (
    CONTEXT,
    HORIZONS,
    candidates,
    counted,
    feature_size,
    misfits,
    transition_features,
    transition_size,
)


@dataclass(frozen=True)
class Belief:
    """What has been seen: the last transitions (n, 32, 2 c + 1), oldest first, and how many are valid (n,)."""

    window: Tensor
    length: Tensor

    def rows(self, index: Tensor) -> Belief:
        """The beliefs at these positions, or under this mask."""
        return Belief(self.window[index], self.length[index])


#: States (n, time, width), candidates (n, time, kinds, 2) and their misfits (n, time, kinds, 2, horizons).
States = tuple[Tensor, Tensor, Tensor]


class Encoder(nn.Module):
    """Embedded transitions, a network along them, and the posterior of an inference method.

    An empty context has a learnt latent of its own.

    Args:
        space: toy coordinates and kinds.
        sequence: the network along the context.
        posterior: of the method.
        horizons: over how many spans an explanation is judged.
    """

    def __init__(self, space: Space, sequence: Sequence, posterior: Posterior, embed: nn.Module, horizons: int) -> None:
        super().__init__()
        self.space = space
        self.embed = embed
        self.sequence = sequence
        self.trust = nn.Parameter(torch.full((horizons,), -1.0))
        self.posterior = posterior

    @property
    def latent(self) -> int:
        """Numbers in a latent."""
        return self.posterior.size

    def start(self, n: int) -> Belief:
        """The belief before anything was seen."""
        return Belief(torch.zeros(n, CONTEXT, transition_size(self.space)), torch.zeros(n, dtype=torch.long))

    def update(self, belief: Belief, transition: Tensor) -> Belief:
        """Append transitions (n, 2 c + 1); the oldest drops out of a full window."""
        full = (belief.length == CONTEXT)[:, None, None]
        window = torch.where(full, belief.window.roll(-1, dims=1), belief.window)
        position = belief.length.clamp(max=CONTEXT - 1)
        window = window.scatter(1, position[:, None, None].expand(-1, 1, window.shape[2]), transition[:, None, :])
        return Belief(window, (belief.length + 1).clamp(max=CONTEXT))

    def infer(self, belief: Belief) -> Latent:
        """Latents (n, latent) of beliefs; padding has no influence."""
        return self.along(belief.window).at((torch.arange(len(belief.length)), belief.length))

    def along(self, transitions: Tensor) -> Latent:
        """Latents (n, time + 1, latent) after 0, 1, ..., time transitions of (n, time, 2 c + 1)."""
        states, explained, misfit = self._states(transitions)
        return self._latents(*(_after_nothing(part) for part in (states, explained, misfit)))

    def empty(self, n: int) -> Tensor:
        """(n, latent): mean latents when nothing was seen."""
        return self.along(torch.zeros(n, 1, transition_size(self.space))).mean[:, 0]

    def begin(self, n: int) -> Tensor:
        """What ``follow`` is given before anything was seen."""
        return self.sequence.begin(n)

    def remember(self, transitions: Tensor) -> tuple[Tensor, Tensor]:
        """What ``follow`` gives after the last of transitions (n, time, 2 c + 1), without the steps between."""
        embedded, explained, misfit = self._look(transitions)
        states = self.sequence(embedded)
        carried = self.sequence.carried(embedded, states)
        return carried, self._latents(states, explained, misfit).mean[:, -1]

    def follow(self, carried: Tensor, transitions: Tensor) -> tuple[Tensor, Tensor]:
        """What is carried on, and mean latents (n, latent), after (n, time, 2 c + 1); carried is one behind.

        As long as no more than 32 were seen this is what ``update`` and ``infer`` give, at a fraction of the cost.
        """
        one = transitions[:, -1:]
        explained = candidates(self.space, one)
        misfit = misfits(self.space, explained, transitions, counted(transitions.shape[1])[:, -1:])
        embedded = self.embed(transition_features(self.space, one, explained, misfit))
        state, carried = self.sequence.follow(carried, embedded)
        return carried, self._latents(state, explained, misfit).mean[:, 0]

    def _look(self, transitions: Tensor) -> States:
        """Embedded transitions, their candidates and the misfits of these."""
        explained = candidates(self.space, transitions)
        misfit = misfits(self.space, explained, transitions, counted(transitions.shape[1]))
        return self.embed(transition_features(self.space, transitions, explained, misfit)), explained, misfit

    def _states(self, transitions: Tensor) -> States:
        embedded, explained, misfit = self._look(transitions)
        return self.sequence(embedded), explained, misfit

    def _latents(self, states: Tensor, explained: Tensor, misfit: Tensor) -> Latent:
        return self.posterior(states, explained, misfit @ self.trust)


def embedding(space: Space, width: int, horizons: int = len(HORIZONS)) -> nn.Sequential:
    """Two layers over the features of a transition."""
    return nn.Sequential(nn.Linear(feature_size(space, horizons), width), nn.ELU(), nn.Linear(width, width), nn.ELU())


def _after_nothing(parts: Tensor) -> Tensor:
    """(n, time + 1, ...): zeros in front, for the empty context."""
    return torch.cat([parts.new_zeros(len(parts), 1, *parts.shape[2:]), parts], dim=1)
