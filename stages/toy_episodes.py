"""Episodes of an agent on clean toys, to measure it by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from envs.tasks import Floats, Tasks
from envs.toy import EPISODE, Toys
from models.encoder import Belief
from models.toy_agent import ToyAgent
from stages.toy_practice import oracle_action

_EVALUATION_SEED = 50_021


@dataclass(frozen=True)
class ToyEpisodes:
    """Deterministic episodes of n tasks; leading axis is the number of transitions seen, 0 first.

    Attributes:
        returns: (n,).
        latents: (time, n, latent).
        believed: (time, n) base-task ids.
        estimates: (time, n) of the specification.
    """

    returns: Floats
    latents: Floats
    believed: np.ndarray
    estimates: Floats


@torch.no_grad()
def run_toy(agent: ToyAgent, tasks: Tasks, decisions: int) -> ToyEpisodes:
    """Clean toys driven by mean latents; the same agent and tasks always give the same episodes."""
    toys, n = Toys(tasks, np.random.default_rng(_EVALUATION_SEED)), len(tasks)
    belief: Belief = agent.encoder.start(n)
    returns, steps = np.zeros(n), []
    for _ in range(decisions):
        z, before = agent.encoder.infer(belief).mean, toys.coordinates
        logits, estimates = agent.head(z)
        steps.append(
            (z.numpy(), logits.argmax(dim=-1).numpy(), estimates.numpy()[np.arange(n), tasks.space.place(tasks.kind)])
        )
        action = agent.policy(torch.as_tensor(before, dtype=torch.float32), z)
        after, reward = toys.step(action.numpy().astype(np.float64))
        returns += reward
        transition = np.concatenate([before, reward[:, None], after], axis=1)
        belief = agent.encoder.update(belief, torch.as_tensor(transition, dtype=torch.float32))
    latents, believed, estimated = (np.stack(values) for values in zip(*steps, strict=True))
    return ToyEpisodes(returns, latents, believed, estimated)


def oracle_returns(tasks: Tasks) -> Floats:
    """Returns (n,) of the policy that knows the task."""
    toys = Toys(tasks, np.random.default_rng(_EVALUATION_SEED))
    return np.sum([toys.step(oracle_action(tasks, toys.coordinates))[1] for _ in range(EPISODE)], axis=0)
