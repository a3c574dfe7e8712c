"""Contexts to learn task inference from: randomised toys driven by mixed behaviours, the learner's own among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from envs.tasks import TOY_STEP, Floats, Tasks, missing
from envs.toy import Randomisation, Toys, turned_round
from models.toy_agent import ToyAgent
from models.transitions import CONTEXT
from stages.configs.toy_inference import ToyInferenceConfig
from stages.toy_draws import TaskDraws

#: Share of the contexts that the learner drives itself.
_OWN = 0.33
#: When it takes over from a script, decisions.
_TAKES_OVER = (0, 0, 8, 16, 24)
#: When a task changes, transitions.
_SWITCHES = (3, 21)
#: Chance per decision that a scripted behaviour is replaced, and the noise levels added to actions.
_SWITCH, _NOISE = 0.07, (0.0, 0.0, 0.01, 0.1, 0.3)
#: Relative error of the slightly wrong oracle.
_WRONG = 0.1
#: Starts reach this far: among the goals, and where a velocity task leads in the end, in what the law travels in a
#: decision.
_FIELD, _FAR = 60.0, 1200.0


@dataclass(frozen=True)
class Practice:
    """Contexts: starts (n, c), transitions (n, 32, 2 c + 1) and actions (n, 32, positions).

    Attributes:
        tasks: in force at the end (n,).
        which: of the training tasks these are (n,).
        since: how many transitions (n,) were seen when they came into force; before, another task was.
    """

    tasks: Tasks
    which: np.ndarray
    since: Tensor
    starts: Tensor
    transitions: Tensor
    actions: Tensor

    def rows(self, index: np.ndarray) -> Practice:
        """The contexts at these positions."""
        at = torch.as_tensor(index)
        tensors = (self.since, self.starts, self.transitions, self.actions)
        return Practice(self.tasks[index], self.which[index], *(values[at] for values in tensors))


def oracle_action(tasks: Tasks, coordinates: Floats) -> Floats:
    """What the clean law's best policy does when it knows the task (n, positions).

    Greedy is optimal, as the toy has no inertia; what the task is not about stays where it is.
    """
    space, place = tasks.space, tasks.space.place(tasks.kind)
    rows, position = np.arange(len(tasks)), space.moves[place]
    actions = np.zeros((len(tasks), len(space.positions)))
    actions[rows, position] = np.clip(missing(tasks, coordinates) / space.look_ahead[place], -1.0, 1.0)
    return actions


@torch.no_grad()
def practise(
    rng: np.random.Generator, draws: TaskDraws, agent: ToyAgent, config: ToyInferenceConfig, n: int
) -> Practice:
    """n contexts of full length on training tasks."""
    which, earlier = draws.draw(rng, n), draws.draw(rng, n)
    tasks, past = draws.train[which], draws.train[earlier]
    since = np.where(rng.random(n) < config.switch, rng.integers(*_SWITCHES, n), 0)
    randomisation = Randomisation.sample(rng, n, config.clean, config.noise, config.stride, config.lag)
    toys = Toys(tasks, rng, randomisation)
    toys.coordinates = _starts(rng, tasks, toys.coordinates)
    starts = _tensor(toys.coordinates)
    script, own = _Script(rng, tasks, past), round(_OWN * n)
    takes_over = rng.choice(_TAKES_OVER, own)
    state, z = agent.encoder.begin(own), agent.encoder.empty(own)
    c, p = len(tasks.space.coordinates), len(tasks.space.positions)
    transitions, actions = np.empty((n, CONTEXT, 2 * c + 1)), np.empty((n, CONTEXT, p))
    for t in range(CONTEXT):
        before = toys.coordinates
        action = script.action(before)
        learnt = agent.policy(_tensor(before[:own]), z).numpy() + script.little_noise(own)
        toys.tasks = tasks.replaced(t < since, past[t < since])
        action[:own] = np.where((t >= takes_over)[:, None], learnt, action[:own])
        after, reward = toys.step(action)
        transitions[:, t] = np.concatenate([before, reward[:, None], after], axis=1)
        actions[:, t] = np.clip(action, -1.0, 1.0)
        state, z = agent.encoder.follow(state, _tensor(transitions[:own, : t + 1]))
    return Practice(tasks, which, torch.as_tensor(since), starts, _tensor(transitions), _tensor(actions))


def _starts(rng: np.random.Generator, tasks: Tasks, at_origin: Floats) -> Floats:
    """Coordinates (n, c): the origin, anywhere in the field, or where the task leads: near the goal, or far out."""
    n, space, place = len(tasks), tasks.space, tasks.space.place(tasks.kind)
    position = space.moves[place]
    travel = space.top_speeds[position] * TOY_STEP
    anywhere = travel * rng.uniform(-_FIELD, _FIELD, n)
    far = travel * np.sign(anywhere) * np.exp(rng.uniform(0.0, np.log(_FAR), n))
    near_goal = tasks.specification * (1.0 + 0.1 * rng.standard_normal(n))
    settled = np.where(space.velocity_like[place], far, near_goal)
    starts, rows = at_origin.copy(), np.arange(n)
    starts[rows, position] = np.choose(
        rng.choice(4, n, p=(0.35, 0.1, 0.05, 0.5)), [at_origin[rows, position], anywhere, far, settled]
    )
    return turned_round(space, starts)


class _Script:
    """Behaviours that replace each other: oracles of the task, of the task slightly wrong, of the past one; constants.

    The slightly wrong one settles beside the target, where every reward is the same and leaves two explanations.
    """

    def __init__(self, rng: np.random.Generator, tasks: Tasks, past: Tasks) -> None:
        self.rng, self.n, self.positions = rng, len(tasks), len(tasks.space.positions)
        share = 1.0 + _WRONG * rng.standard_normal(self.n)
        wrong = Tasks(tasks.kind, tasks.specification * share, tasks.space)
        self.oracles = (tasks, wrong, past)
        self.mode, self.constant = self._modes(), self._constants()
        self.noise = rng.choice(_NOISE, (self.n, 1))
        # What the task is not about moves as well on a body; on the toy in half of the contexts.
        self.beside = (rng.random((self.n, 1)) < 0.5) * self._constants()

    def action(self, coordinates: Floats) -> Floats:
        """Actions (n, positions) with noise, and now and then another behaviour."""
        switch = (self.rng.random(self.n) < _SWITCH)[:, None]
        self.mode = np.where(switch[:, 0], self._modes(), self.mode)
        self.constant = np.where(switch, self._constants(), self.constant)
        options = [self._told(tasks, coordinates) for tasks in self.oracles]
        chosen = np.choose(self.mode[:, None], [*options, self.constant, 0.1 * self.constant])
        return chosen + self.noise * self.rng.standard_normal(chosen.shape)

    def little_noise(self, n: int) -> Floats:
        """Noise (n, positions) for the learner's own actions: its smaller levels."""
        return np.where(self.noise < 0.05, self.noise, 0.0)[:n] * self.rng.standard_normal((n, self.positions))

    def _told(self, tasks: Tasks, coordinates: Floats) -> Floats:
        actions = oracle_action(tasks, coordinates)
        idle = np.arange(self.positions) != tasks.space.moves[tasks.space.place(tasks.kind)][:, None]
        return np.where(idle, self.beside, actions)

    def _modes(self) -> np.ndarray:
        return self.rng.integers(0, 5, self.n)

    def _constants(self) -> Floats:
        return self.rng.uniform(-1.0, 1.0, (self.n, self.positions))


def _tensor(values: Floats) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float32)
