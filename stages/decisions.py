"""Bodies that are told what to do decision by decision: belief above, low level below, a stride in between."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch

from envs.body import Body
from envs.commands import Commands, low_level_observation
from envs.rousing import Rousing
from envs.stepper import Stepper
from envs.tasks import Floats, Ints, Tasks, reward, sample_tasks
from models.deciders import LONGEST_STRIDE
from models.encoder import Belief, Encoder

#: Errors beyond this many times the specification teach nothing more.
WORST_REWARD = -2.0

#: A function of low-level observations (n, features) that gives actions (n, joints).
Act = Callable[[Floats], Floats]


def tensor(values: np.ndarray) -> torch.Tensor:
    """Arrays as the networks take them."""
    return torch.as_tensor(values, dtype=torch.float32)


@dataclass(frozen=True)
class Outcome:
    """What a decision led to. Sub-step arrays are (n, 20) and hold up to each body's stride.

    Attributes:
        rewards: of every control step; what a stride did not reach is 0.
        observations: (n, 20, features) of the body after every control step.
        coordinates: (n, 20, c) after every control step.
        states: (n, 20, columns) of the physics after every control step.
        stride: control steps taken (n,), fewer than asked for where the body fell.
        fell: in this decision (n,).
    """

    rewards: Floats
    observations: Floats
    coordinates: Floats
    states: Floats
    stride: Ints
    fell: np.ndarray

    def last(self, values: Floats) -> Floats:
        """The value at the end of each stride, of (n, 20, ...)."""
        return values[np.arange(len(self.stride)), self.stride - 1]

    def capped(self, worst: float) -> Outcome:
        """The same with no reward below ``worst``."""
        return replace(self, rewards=np.maximum(self.rewards, worst))

    def worth(self, step_price: float) -> Floats:
        """(n, 20): what a decision of 1, 2, ..., 20 control steps earns, the reward at its end, less what they cost.

        Of what a decision brings, not of what a second brings: an episode is so many decisions. The price is what lets
        a stride be short where a longer one gains nothing.
        """
        return self.rewards - step_price * np.arange(1, LONGEST_STRIDE + 1)


class DecidingBodies:
    """n bodies of one kind with tasks, obeying a low level, observed by a frozen encoder.

    Args:
        body: the description.
        act: the low level.
        encoder: frozen; its belief is updated once a decision.
        rng: of starts.
    """

    def __init__(self, body: Body, act: Act, encoder: Encoder, n: int, rng: np.random.Generator) -> None:
        self.body, self.act, self.encoder, self.rng, self.n = body, act, encoder, rng, n
        self.stepper, self._roused = Stepper(body, n), Rousing(body)
        self.fallen = np.zeros(n, dtype=bool)
        self.seconds = np.zeros(n)

    def reset(self, tasks: Tasks) -> None:
        """All bodies to the start, with new tasks and empty beliefs."""
        self.tasks = tasks
        self.stepper.reset(self.rng)
        self.fallen[:], self.seconds[:] = False, 0.0
        self.belief = self.encoder.start(self.n)

    def restart(self, rows: np.ndarray, tasks: Tasks) -> None:
        """Some bodies (mask) to the start, with the tasks given for them."""
        self.tasks = self.tasks.replaced(rows, tasks)
        self.stepper.reset(self.rng, rows)
        self.fallen[rows], self.seconds[rows] = False, 0.0
        kept = torch.as_tensor(~rows)
        self.belief = Belief(self.belief.window * kept[:, None, None], self.belief.length * kept)

    def state(self) -> dict[str, torch.Tensor]:
        """All that the next decisions depend on, but for the generator."""
        arrays = {
            "state": self.stepper.state,
            "fallen": self.fallen,
            "seconds": self.seconds,
            "kind": self.tasks.kind,
            "specification": self.tasks.specification,
        }
        copies = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
        return {**copies, "window": self.belief.window, "length": self.belief.length}

    def resume(self, state: Mapping[str, torch.Tensor]) -> None:
        """Put the bodies where ``state`` found them."""
        self.stepper.state, self.fallen, self.seconds, kind, specification = (
            state[name].numpy() for name in ("state", "fallen", "seconds", "kind", "specification")
        )
        self.tasks = Tasks(kind, specification, self.body.space)
        self.belief = Belief(state["window"], state["length"])

    def observation(self) -> Floats:
        """(n, features) of the bodies."""
        return self.stepper.observation()

    def coordinates(self) -> Floats:
        """(n, c): toy coordinates."""
        return self.stepper.coordinates()

    def latent(self) -> torch.Tensor:
        """(n, latent): mean latents of the beliefs."""
        with torch.no_grad():
            return self.encoder.infer(self.belief).mean

    def decide(self, kind: Ints, amount: Floats, stride: Ints) -> Outcome:
        """Obey commands (kind, signed amount) for strides in 1..20 control steps, then update the beliefs.

        A body that falls, or has fallen, takes no further control step.
        """
        before = self.coordinates()
        commands = Commands.relative(self.body, kind, amount, before)
        outcome = self._stride(commands, np.clip(stride, 1, LONGEST_STRIDE))
        self._observe(before, outcome)
        return outcome

    def _stride(self, commands: Commands, stride: Ints) -> Outcome:
        rewards = np.zeros((self.n, LONGEST_STRIDE))
        observations = np.zeros((self.n, LONGEST_STRIDE, self.stepper.observation_size))
        coordinates = np.zeros((self.n, LONGEST_STRIDE, len(self.body.space.coordinates)))
        states = np.zeros((self.n, LONGEST_STRIDE, self.stepper.state.shape[1]))
        taken, fell = np.zeros(self.n, dtype=np.int64), np.zeros(self.n, dtype=bool)
        for i in range(int(stride.max())):
            rows = np.flatnonzero((i < stride) & ~self.fallen)
            if not len(rows):
                break
            seen = low_level_observation(self.stepper, commands.rows(rows), rows, self.body.lead)
            self.stepper.step(self.act(self._roused(seen)), rows)
            states[rows, i] = self.stepper.state[rows]
            coordinates[rows, i] = self.stepper.coordinates(rows)
            observations[rows, i] = self.stepper.observation(rows)
            rewards[rows, i] = reward(self.tasks[rows], coordinates[rows, i])
            taken[rows] = i + 1
            fell[rows] = self.stepper.fallen(rows)
            self.fallen |= fell
        self.seconds += taken * self.body.dt
        return Outcome(rewards, observations, coordinates, states, np.maximum(taken, 1), fell)

    def _observe(self, before: Floats, outcome: Outcome) -> None:
        after, last = self.coordinates(), outcome.last(outcome.rewards)
        transition = np.concatenate([before, last[:, None], after], axis=1)
        self.belief = self.encoder.update(self.belief, tensor(transition))


def draw_tasks(rng: np.random.Generator, body: Body, n: int) -> Tasks:
    """n tasks of the kinds that a body is asked for, over its ranges."""
    return sample_tasks(rng, n, body.task_ranges, body.space)


def finish_episodes(bodies: DecidingBodies, ages: Ints, episode: int, rng: np.random.Generator) -> Ints:
    """Start bodies anew, with fresh tasks, that have fallen or decided ``episode`` times; returns ages (n,)."""
    over = bodies.fallen | (ages >= episode)
    if over.any():
        bodies.restart(over, draw_tasks(rng, bodies.body, int(over.sum())))
    return np.where(over, 0, ages)
