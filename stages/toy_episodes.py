"""Episodes of an agent on clean toys, to measure it by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from envs.tasks import Floats, Tasks
from envs.toy import EPISODE, Toys
from models.encoder import Belief
from models.melts import MeltsPosterior
from models.toy_agent import ToyAgent
from stages.toy_practice import oracle_action

_EVALUATION_SEED = 50_021


@dataclass(frozen=True)
class ToyEpisodes:
    """Deterministic episodes of n tasks; leading axis is the number of transitions seen, 0 first.

    Attributes:
        rewards: (time, n), of what was done next.
        latents: (time, n, latent).
        probabilities: (time, n, base tasks).
        estimates: (time, n) of the specification.
        drawn: (time, draws, n) of the specification, from latents drawn of what is believed.
    """

    rewards: Floats
    latents: Floats
    probabilities: Floats
    estimates: Floats
    drawn: Floats

    @property
    def returns(self) -> Floats:
        """(n,): added up one after the other."""
        return self.rewards.cumsum(axis=0)[-1]

    @property
    def believed(self) -> np.ndarray:
        """(time, n) base-task ids."""
        return self.probabilities.argmax(axis=-1)


@torch.no_grad()
def run_toy(
    agent: ToyAgent,
    tasks: Tasks,
    decisions: int,
    draws: int = 0,
    before: tuple[Tasks, int] | None = None,
    belief: Belief | None = None,
) -> ToyEpisodes:
    """Clean toys driven by mean latents; the same agent and tasks always give the same episodes.

    Args:
        agent: of the toy.
        tasks: in force.
        decisions: to record.
        draws: from what is believed at each step, by torch's generator.
        before: other tasks, and for how many decisions before the record begins they were in force.
        belief: to begin with, if anything was seen already.
    """
    toys = Toys(tasks if before is None else before[0], np.random.default_rng(_EVALUATION_SEED))
    belief = belief or agent.encoder.start(len(tasks))
    for _ in range(0 if before is None else before[1]):
        belief, _ = _decide(agent, toys, belief, agent.encoder.infer(belief).mean)
    toys.tasks = tasks
    steps = []
    for _ in range(decisions):
        latent = agent.encoder.infer(belief)
        z, samples = latent.mean, [latent.sample() for _ in range(draws)]
        belief, reward = _decide(agent, toys, belief, z)
        told = [_estimates(agent, tasks, sample) for sample in samples]
        drawn = np.stack(told) if told else np.empty((0, len(tasks)))
        probabilities = agent.head(z)[0].softmax(dim=-1).numpy()
        steps.append((reward, z.numpy(), probabilities, _estimates(agent, tasks, z), drawn))
    return ToyEpisodes(*(np.stack(values) for values in zip(*steps, strict=True)))


@torch.no_grad()
def explored(agent: ToyAgent, tasks: Tasks, episodes: int, decisions: int = EPISODE) -> Belief:
    """What is believed after episodes that each follow one latent, drawn as they begin (PEARL)."""
    belief = agent.encoder.start(len(tasks))
    for _ in range(episodes):
        toys = Toys(tasks, np.random.default_rng(_EVALUATION_SEED))
        z = agent.encoder.infer(belief).sample()
        for _ in range(decisions):
            belief, _ = _decide(agent, toys, belief, z)
    return belief


def _decide(agent: ToyAgent, toys: Toys, belief: Belief, z: torch.Tensor) -> tuple[Belief, Floats]:
    """What is believed after one more decision, and its rewards (n,)."""
    before = toys.coordinates
    action = agent.policy(torch.as_tensor(before, dtype=torch.float32), z)
    after, reward = toys.step(action.numpy().astype(np.float64))
    transition = np.concatenate([before, reward[:, None], after], axis=1)
    return agent.encoder.update(belief, torch.as_tensor(transition, dtype=torch.float32)), reward


def _estimates(agent: ToyAgent, tasks: Tasks, z: torch.Tensor) -> Floats:
    """(n,): the specification of each task's own kind."""
    return agent.head(z)[1].numpy()[np.arange(len(tasks)), tasks.space.place(tasks.kind)]


def clusters_of(agent: ToyAgent, z: torch.Tensor) -> np.ndarray | None:
    """(...,): the cluster of each of latents (..., latent), by a method that finds some."""
    posterior = agent.encoder.posterior
    return posterior.clusters(z).numpy() if isinstance(posterior, MeltsPosterior) else None


def oracle_returns(tasks: Tasks, decisions: int = EPISODE) -> Floats:
    """Returns (n,) of the policy that knows the task."""
    toys = Toys(tasks, np.random.default_rng(_EVALUATION_SEED))
    return np.sum([toys.step(oracle_action(tasks, toys.coordinates))[1] for _ in range(decisions)], axis=0)
