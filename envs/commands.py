"""Commands: what a low-level controller obeys, and many bodies practising them.

A command is a kind and a signed amount relative to where the body is: a displacement in metres (goal) or a
velocity in m/s. The observation carries what remains of it, so no absolute position ever appears.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from envs.body import Body
from envs.stepper import Stepper
from envs.tasks import ACTIVE_KINDS, GOAL, VELOCITY, VX, Floats, Ints, X

#: Share of commands that ask to stand still, and of goals nearer than a tenth of the range.
_STILL, _NEAR = 0.08, 0.25
#: Speed errors are measured in units of floor (m/s) + share of the speed wanted, at most 2.
_FLOOR, _SHARE = 0.25, 0.5
#: What a fall costs, in units of the reward, which is negative at every step: for less, to fall early would pay.
_FALL = 100.0
#: A goal this far (m) costs half of what a far one does.
_GOAL_SCALE = 0.1
#: Speed asked for per metre that remains to a goal (1/s).
_APPROACH = 2.0


#: Features that describe a command to the low level.
COMMAND_FEATURES = 4


@dataclass
class Commands:
    """Commands in force for n bodies: kind ids (n,) and targets (n,), an absolute x for goals, else m/s."""

    kind: Ints
    target: Floats

    @staticmethod
    def relative(kind: Ints, amount: Floats, coordinates: Floats, limits: Floats) -> Commands:
        """From signed amounts (n,), capped to what the low level was trained on, at coordinates (n, 2)."""
        amount = np.clip(amount, -limits[kind], limits[kind])
        return Commands(kind, amount + np.where(kind == GOAL, coordinates[:, X], 0.0))

    def remaining(self, coordinates: Floats) -> Floats:
        """(n,): metres still to go, or the velocity asked for."""
        return self.target - np.where(self.kind == GOAL, coordinates[:, X], 0.0)

    def wanted_speed(self, coordinates: Floats, limits: Floats) -> Floats:
        """(n,) m/s: the velocity asked for, for goals in proportion to what remains."""
        remaining = self.remaining(coordinates)
        top = limits[VELOCITY]
        return np.clip(np.where(self.kind == GOAL, _APPROACH * remaining, remaining), -top, top)

    def features(self, coordinates: Floats, limits: Floats) -> Floats:
        """(n, 4): one flag per kind, metres that remain to a goal (capped), and the speed wanted.

        The speed is common to all kinds, so that one gait is learnt for them all.
        """
        goal = self.kind == GOAL
        distance = np.where(goal, np.clip(self.remaining(coordinates), -limits[GOAL], limits[GOAL]), 0.0)
        return np.stack([~goal, goal, distance, self.wanted_speed(coordinates, limits)], axis=1).astype(np.float64)

    def error(self, coordinates: Floats) -> Floats:
        """(n,): unsigned error in the command's own unit."""
        reached = np.where(self.kind == GOAL, coordinates[:, X], coordinates[:, VX])
        return np.abs(reached - self.target)


def sample_commands(rng: np.random.Generator, coordinates: Floats, limits: Floats) -> Commands:
    """Commands over the whole range, zero and small displacements included."""
    n = len(coordinates)
    kind = rng.integers(0, len(ACTIVE_KINDS), n)
    share = rng.uniform(-1.0, 1.0, n)
    share = np.where(rng.random(n) < _STILL, 0.0, share)
    share = np.where((kind == GOAL) & (rng.random(n) < _NEAR), share / 10.0, share)
    return Commands.relative(kind, share * limits[kind], coordinates, limits)


def low_level_observation(stepper: Stepper, commands: Commands, rows: np.ndarray | slice = slice(None)) -> Floats:
    """(n, body observation + command features): what a low-level controller sees."""
    features = commands.features(stepper.coordinates(rows), stepper.body.command_limits)
    return np.concatenate([stepper.observation(rows), features], axis=1)


class CommandedBodies:
    """n bodies practising commands that change in mid-episode; they start again when they fall or time is up.

    Args:
        body: the description.
        n: how many bodies.
        seed: of resets and commands.
        seconds: length of an episode.
        change: mean seconds until a command is replaced.
    """

    def __init__(self, body: Body, n: int, seed: int, seconds: float = 10.0, change: float = 3.0) -> None:
        self.stepper, self.n = Stepper(body, n), n
        self.rng = np.random.default_rng(seed)
        self.horizon = max(round(seconds / body.dt), 1)
        self._change = body.dt / change
        self._limits = body.command_limits
        self.age = np.zeros(n, dtype=np.int64)

    @property
    def observation_size(self) -> int:
        """Features of the observation."""
        return self.stepper.observation_size + COMMAND_FEATURES

    def reset(self) -> Floats:
        """Start all bodies anew, at staggered ages, and return observations (n, features)."""
        self.stepper.reset(self.rng)
        self.age = self.rng.integers(0, self.horizon, self.n)
        self.commands = sample_commands(self.rng, self.stepper.coordinates(), self._limits)
        return low_level_observation(self.stepper, self.commands)

    def step(self, actions: Floats) -> tuple[Floats, Floats, np.ndarray, np.ndarray, Floats]:
        """Advance one control step.

        Returns:
            observations (n, features) after any reset, rewards (n,), fell (n,), timed out (n,), and the
            observations (n, features) before any reset.
        """
        self.stepper.step(actions)
        self.age += 1
        fell = self.stepper.fallen()
        rewards = self._rewards() - _FALL * fell
        timed_out = (self.age >= self.horizon) & ~fell
        last = low_level_observation(self.stepper, self.commands)
        over = fell | timed_out
        if over.any():
            self.stepper.reset(self.rng, over)
            self.age[over] = 0
        self._replace(over | (self.rng.random(self.n) < self._change))
        return low_level_observation(self.stepper, self.commands), rewards, fell, timed_out, last

    def restore(self, state: Floats, age: Ints, kind: Ints, target: Floats) -> None:
        """Put the bodies where an interrupted training left them (the generator's state is the caller's)."""
        self.stepper.state, self.age, self.commands = state.copy(), age.copy(), Commands(kind.copy(), target.copy())

    def _rewards(self) -> Floats:
        """Minus the relative error to the speed that the command asks for here; near a goal also the distance.

        A goal asks for a speed proportional to what remains of it, so that both kinds teach one gait.
        """
        coordinates = self.stepper.coordinates()
        goal = self.commands.kind == GOAL
        wanted = self.commands.wanted_speed(coordinates, self._limits)
        speed = np.minimum(np.abs(coordinates[:, VX] - wanted) / (_FLOOR + _SHARE * np.abs(wanted)), 2.0)
        distance = self.commands.error(coordinates)
        return -speed - np.where(goal, distance / (distance + _GOAL_SCALE), 0.0)

    def _replace(self, rows: np.ndarray) -> None:
        if not rows.any():
            return
        fresh = sample_commands(self.rng, self.stepper.coordinates(rows), self._limits)
        self.commands.kind[rows], self.commands.target[rows] = fresh.kind, fresh.target
