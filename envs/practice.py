"""Practice: many bodies obeying commands that are drawn for them, and what that earns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from envs.body import Body
from envs.commands import (
    GOALS,
    RELATIVE,
    VELOCITIES,
    Commands,
    already,
    command_features,
    low_level_observation,
    other_base_tasks,
)
from envs.stepper import Stepper
from envs.tasks import FLIP, JUMP, STAND, VELOCITY, Floats, Ints

#: How much more often a command asks for anything else than for a place: that teaches little once it is reached.
_BEFORE_GOALS = 3.0
#: Power of an even share that a speed's is: high speeds more often. They are hardest for what falls at them, and is
#: soon asked for something else.
_FAST = 0.5
#: Share of commands that ask to stand still, and of displacements smaller than a tenth of the range.
_STILL, _NEAR = 0.08, 0.25
#: Speed errors are measured in units of floor (m/s) + share of the speed wanted, at most 2; pitch rates in rad/s.
_FLOOR, _SHARE = 0.25, 0.5
_PITCH_RATE_FLOOR = 1.0
#: A goal this far (m) costs half of what a far one does; a pitch this far off (rad) the same.
_GOAL_SCALE = 0.1
#: Seconds over which vertical speed and pitch rate are averaged: within a hop and within a turn they take every value.
_WINDOW = 0.5
#: Share of a healthy range, around its middle, where a body is not strained.
_EASY = 0.6
#: Seconds that an episode begins with.
_BEGINNING = 0.5


@dataclass(frozen=True)
class Skill:
    """Commands that are practised together.

    Attributes:
        kinds: of them.
        sign: of their amounts; 0 for both.
    """

    name: str
    kinds: Ints
    sign: int = 0


def skills(body: Body) -> list[Skill]:
    """What a body practises: places and speeds on the ground, and each other base task by itself.

    One gait serves the ground. To stand up or to flip is nothing like it, and a network that has found how to do so one
    way no longer looks for the other.
    """
    space = body.space
    ground = [int(kind) for kind in space.kind_ids if GOALS[kind] or VELOCITIES[kind]]
    kinds = space.kind_ids[space.kind_of_base_task]
    return [
        Skill("ground", np.array(ground)),
        *(
            Skill(space.base_tasks[place], kinds[[place]], -1 if kinds[place] == kinds[place - 1] else 1)
            for place in other_base_tasks(body)
        ),
    ]


def sample_commands(
    rng: np.random.Generator,
    body: Body,
    coordinates: Floats,
    skill: Skill | None = None,
    speeds: float = _FAST,
) -> Commands:
    """Commands over the whole range, zero and small displacements included, at coordinates (n, c).

    Args:
        skill: whose commands they are; by default all.
        speeds: 1 for all speeds alike; the less, the more often high ones.
    """
    n, limits = len(coordinates), body.command_limits
    kinds, sign = (body.space.kind_ids, 0) if skill is None else (skill.kinds, skill.sign)
    weights = np.where(GOALS[kinds], 1.0, _BEFORE_GOALS)
    kind = rng.choice(kinds, n, p=weights / weights.sum())
    share = rng.uniform(-1.0, 1.0, n)
    share = np.where(body.space.velocity_like[body.space.place(kind)], np.sign(share) * np.abs(share) ** speeds, share)
    share = np.where(rng.random(n) < (0.0 if sign else _STILL), 0.0, sign * np.abs(share) if sign else share)
    share = np.where(GOALS[kind] & (rng.random(n) < _NEAR), share / 10.0, share)
    share = np.where(kind == JUMP, np.abs(share), share)
    return Commands.relative(body, kind, share * limits[kind] - already(body, kind, coordinates), coordinates)


@dataclass(frozen=True)
class Practice:
    """How commands are practised.

    Attributes:
        seconds: length of an episode.
        change: mean seconds until a command is replaced.
        edge_cost: of a step at the edge of the healthy ranges. A body that comes to rest there dares no move any more.
        restless: how much more often in an episode's first half second, 1/s: an agent tries this and that then, and
            has not found its balance yet.
        fall_cost: of a fall, in units of the reward, which is between -3 and 0 at every step.
        overturned_cost: of a step upside down. What cannot fall learns to run there as well, and seldom turns over.
        tumbled: share of the episodes that begin pitched any way and turning on, which no body gets to by itself
            before it has learnt to flip.
        turning: at most so fast (rad/s).
        calm: how much nearer to rest most of them begin, 0 for all rates alike. What turns fast gets on its feet by
            itself; it is what rests on its head or back that has to be learnt.
        skill: whose commands they are; None for all.
        only: the one velocity (m/s) that is ever asked for; None for all commands.
        speeds: 1 for all speeds alike; the less, the more often high ones.
    """

    seconds: float
    change: float
    fall_cost: float
    edge_cost: float = 0.0
    overturned_cost: float = 0.0
    restless: float = 0.0
    tumbled: float = 0.0
    turning: float = 6.0
    calm: int = 0
    skill: Skill | None = None
    only: float | None = None
    speeds: float = _FAST


class CommandedBodies:
    """n bodies practising commands that change in mid-episode; they start again when they fall or time is up.

    Args:
        body: the description.
        n: how many bodies.
        seed: of resets and commands.
        practice: of what, and for how long.
    """

    def __init__(self, body: Body, n: int, seed: int, practice: Practice) -> None:
        self.body, self.stepper, self.n, self.practice = body, Stepper(body, n), n, practice
        self.rng = np.random.default_rng(seed)
        self.horizon = max(round(practice.seconds / body.dt), 1)
        self.age = np.zeros(n, dtype=np.int64)
        #: Vertical speed (m/s, its size) and pitch rate (rad/s), averaged over the latest half second.
        self.means: Floats = np.zeros((n, 2))

    @property
    def observation_size(self) -> int:
        """Features of the observation."""
        return self.stepper.observation_size + command_features(self.body)

    def reset(self) -> Floats:
        """Start all bodies anew, at staggered ages, and return observations (n, features)."""
        self._begin(np.ones(self.n, dtype=bool))
        self.age = self.rng.integers(0, self.horizon, self.n)
        self.means = np.zeros((self.n, 2))
        self.commands = self._fresh(slice(None))
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
        edge = np.clip((self.stepper.strain() - _EASY) / (1.0 - _EASY), 0.0, 1.0)
        rewards = self._rewards() - self.practice.fall_cost * fell - self.practice.edge_cost * edge
        rewards -= self.practice.overturned_cost * self.stepper.overturned()
        timed_out = (self.age >= self.horizon) & ~fell
        last = low_level_observation(self.stepper, self.commands)
        over = fell | timed_out
        if over.any():
            self._begin(over)
            self.age[over], self.means[over] = 0, 0.0
        self._replace(over | (self.rng.random(self.n) < self._chances()))
        return low_level_observation(self.stepper, self.commands), rewards, fell, timed_out, last

    def restore(self, state: Floats, age: Ints, means: Floats, kind: Ints, target: Floats) -> None:
        """Put the bodies where an interrupted training left them (the generator's state is the caller's)."""
        self.stepper.state, self.age, self.means = state.copy(), age.copy(), means.copy()
        self.commands = Commands(self.body, kind.copy(), target.copy())

    def _begin(self, rows: np.ndarray) -> None:
        """Put some bodies (mask) back to the start, a share of them tumbled."""
        self.stepper.reset(self.rng, rows)
        if self.practice.tumbled:
            tumbled = rows & (self.rng.random(self.n) < self.practice.tumbled)
            self.stepper.tumble(self.rng, tumbled, self.practice.turning, self.practice.calm)

    def _rewards(self) -> Floats:
        """Minus the relative error of what the command asks for; where it is a position also the distance.

        A goal asks for a velocity proportional to what remains of it, so that goals and velocities teach one gait.
        """
        coordinates, kind = self.stepper.coordinates(), self.commands.kind
        distance = self.commands.error(coordinates)
        cost = np.minimum(self._relative_error(coordinates, distance), 2.0)
        return -cost - np.where(RELATIVE[kind], distance / (distance + _GOAL_SCALE), 0.0)

    def _relative_error(self, coordinates: Floats, distance: Floats) -> Floats:
        space, kind, target = self.body.space, self.commands.kind, np.abs(self.commands.target)
        wanted = self.commands.wanted(coordinates)
        velocity = coordinates[:, len(space.positions) :][:, : wanted.shape[1]]
        wrong = np.linalg.norm(velocity - wanted, axis=1)
        cost = wrong / (_FLOOR + _SHARE * np.linalg.norm(wanted, axis=1))
        if STAND not in space.kind_ids:
            return cost
        lift, turn = self._averaged(coordinates).T
        others = [distance, np.abs(lift - target) / (_FLOOR + _SHARE * target)]
        others += [np.abs(turn - self.commands.target) / (_PITCH_RATE_FLOOR + _SHARE * target)]
        return np.select([kind == STAND, kind == JUMP, kind == FLIP], others, cost)

    def _averaged(self, coordinates: Floats) -> Floats:
        """(n, 2): vertical speed and pitch rate over the latest half second; a momentary one can be had by rocking."""
        vertical, rate = (coordinates[:, self.body.space.coordinates.index(name)] for name in ("vz", "vpitch"))
        self.means += min(self.body.dt / _WINDOW, 1.0) * (np.stack([np.abs(vertical), rate], axis=1) - self.means)
        return self.means

    def _chances(self) -> Floats:
        """(n,): that a command is replaced at this step."""
        later = 1.0 / self.practice.change
        return self.body.dt * np.where(self.age * self.body.dt < _BEGINNING, later + self.practice.restless, later)

    def _replace(self, rows: np.ndarray) -> None:
        if rows.any():
            self.commands = self.commands.replaced(rows, self._fresh(rows))

    def _fresh(self, rows: np.ndarray | slice) -> Commands:
        practice, coordinates = self.practice, self.stepper.coordinates(rows)
        if practice.only is None:
            return sample_commands(self.rng, self.body, coordinates, practice.skill, practice.speeds)
        n = len(coordinates)
        return Commands.relative(self.body, np.full(n, VELOCITY), np.full(n, practice.only), coordinates)
