"""Contexts made of others: with their transitions in another order, or as the decoder would have told them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from models.toy_agent import ToyAgent
from models.transitions import pack
from stages.toy_practice import Practice


def permuted(practice: Practice, share: float, rng: np.random.Generator) -> Practice:
    """The transitions of some contexts shuffled, of those in which the task does not change.

    What was seen still tells the task; how it came about does not.
    """
    rows = _some(practice, share, rng)
    order = torch.as_tensor(rng.permuted(np.tile(np.arange(practice.transitions.shape[1]), (len(rows), 1)), axis=1))
    transitions, actions = practice.transitions.clone(), practice.actions.clone()
    for values in (transitions, actions):
        values[rows] = values[rows].gather(1, order[..., None].expand(-1, -1, values.shape[-1]))
    return replace(practice, transitions=transitions, actions=actions)


@torch.no_grad()
def imagined(practice: Practice, agent: ToyAgent, share: float, rng: np.random.Generator) -> Practice:
    """Some contexts told anew by the decoder, under what is believed at their end, for the same actions."""
    rows = _some(practice, share, rng)
    transitions, actions, at = practice.transitions.clone(), practice.actions[rows], practice.starts[rows]
    z = agent.encoder.along(transitions[rows]).mean[:, -1]
    for t in range(transitions.shape[1]):
        after = agent.decoder.next_state(at, actions[:, t])
        transitions[rows, t] = pack(at, agent.decoder.rewards(after, z).clamp(max=0.0), after)
        at = after
    return replace(practice, transitions=transitions)


def _some(practice: Practice, share: float, rng: np.random.Generator) -> torch.Tensor:
    """Indices of a share of the contexts in which the task does not change."""
    steady = practice.since.numpy() == 0
    return torch.as_tensor(np.flatnonzero(steady & (rng.random(len(steady)) < share)))
