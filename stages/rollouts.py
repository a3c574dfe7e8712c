"""Episodes of a deployable agent on tasks, with all that a figure or a film of them needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from envs.body import Body
from envs.gym_body import agent_observation
from envs.stepper import Stepper
from envs.tasks import Floats, Ints, Tasks, reference_fractions, reference_tasks, reward
from models.agent import Thought, TransferAgent


@dataclass(frozen=True)
class Episodes:
    """n episodes in step; a body that has fallen stays as it fell.

    Attributes:
        states: of the physics before every control step (steps, n, columns).
        coordinates: toy coordinates there (steps, n, c).
        fallen: whether the body has fallen by then (steps, n).
        rewards: that came with it (steps, n); the first ones are 0.
        thoughts: what was believed and done then, one per control step.
    """

    body: Body
    tasks: Tasks
    states: Floats
    coordinates: Floats
    fallen: np.ndarray
    rewards: Floats
    thoughts: list[Thought]

    @property
    def seconds(self) -> Floats:
        """(steps,): simulated time."""
        return self.body.dt * np.arange(len(self.states), dtype=np.float64)

    @property
    def probabilities(self) -> Floats:
        """(steps, n, base tasks): belief."""
        return np.stack([thought.probabilities for thought in self.thoughts])

    @property
    def estimates(self) -> Floats:
        """(steps, n): the specification believed in, of the kind of task that each body has."""
        rows, places = np.arange(len(self.tasks)), self.body.space.place(self.tasks.kind)
        return np.stack([thought.specification[rows, places] for thought in self.thoughts])

    @property
    def decided(self) -> Ints:
        """(steps, n): 1 where a decision began."""
        return np.stack([thought.left + 1 == thought.stride for thought in self.thoughts]).astype(np.int64)


@dataclass(frozen=True)
class Rollout:
    """An agent, by name and card, and its episodes."""

    name: str
    card: str
    episodes: Episodes


def follow(file: str | Path, seconds: float) -> Rollout:
    """A packed agent on the middle one of the reference tasks of every base task."""
    agent = TransferAgent.load(file)
    with one_thread():
        return Rollout(agent.about.name, agent.card, roll_out(agent, middle_tasks(agent.body), seconds))


def roll_out(agent: TransferAgent, tasks: Tasks, seconds: float, seed: int = 0) -> Episodes:
    """An episode per task, of so many simulated seconds each, from starts that the seed decides."""
    stepper, rng = Stepper(agent.body, len(tasks)), np.random.default_rng(seed)
    stepper.reset(rng)
    agent.reset(len(tasks))
    earned, fallen = np.zeros(len(tasks)), np.zeros(len(tasks), dtype=bool)
    rows: list[tuple[Floats, Floats, np.ndarray, Floats]] = []
    thoughts: list[Thought] = []
    for _ in range(round(seconds / agent.body.dt)):
        rows.append((stepper.state.copy(), stepper.coordinates(), fallen.copy(), earned))
        action = agent.act(agent_observation(stepper), earned).astype(np.float64)
        thoughts.append(_thought(agent, thoughts))
        alive = np.flatnonzero(~fallen)
        if len(alive):
            stepper.step(action[alive], alive)
        fallen |= stepper.fallen()
        earned = reward(tasks, stepper.coordinates())
    states, coordinates, down, rewards = map(np.stack, zip(*rows, strict=True))
    return Episodes(agent.body, tasks, states, coordinates, down, rewards, thoughts)


def _thought(agent: TransferAgent, before: list[Thought]) -> Thought:
    """What is believed and done; beliefs are read anew only where a decision has just begun."""
    if before and not agent.just_decided().any():
        return replace(before[-1], left=before[-1].left - 1)
    return agent.thought()


@contextmanager
def one_thread() -> Iterator[None]:
    """Networks as small as these only lose time by threads that wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def middle_tasks(body: Body) -> Tasks:
    """Of the reference tasks the middle one of every base task."""
    tasks = reference_tasks(body.task_ranges, body.space)
    per_base_task = len(reference_fractions("goal"))
    return tasks[np.arange(per_base_task // 2, len(tasks), per_base_task)]
