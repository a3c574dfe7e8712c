"""Commands: what a low-level controller obeys, and many bodies practising them.

A command is a kind and a signed amount relative to where the body is: a displacement in metres (goal), a velocity in
m/s, a pitch, a vertical speed or a pitch rate. The observation carries what remains of it as it looks from the body's
heading, so no absolute position ever appears.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from envs.body import Body
from envs.heading import rotated, within_a_turn
from envs.stepper import Stepper
from envs.tasks import FLIP, GOAL, JUMP, KINDS, STAND, VELOCITY, Floats, Ints, Tasks, active_coordinate

#: Kinds that are obeyed alike: the same along both axes of the plane.
_FAMILY = np.array([KINDS.index(kind.removesuffix("_y")) for kind in KINDS])
_GOALS = _FAMILY == GOAL
_VELOCITIES = _FAMILY == VELOCITY
_ACROSS = np.array([kind.endswith("_y") for kind in KINDS])
#: Kinds whose amount is a displacement from where the body is.
_RELATIVE = _GOALS | (np.arange(len(KINDS)) == STAND)
#: How much more often a command asks for anything else than for a place: that teaches little once it is reached.
_BEFORE_GOALS = 3.0
#: Share of commands that ask to stand still, and of displacements smaller than a tenth of the range.
_STILL, _NEAR = 0.08, 0.25
#: Speed errors are measured in units of floor (m/s) + share of the speed wanted, at most 2; pitch rates in rad/s.
_FLOOR, _SHARE = 0.25, 0.5
_PITCH_RATE_FLOOR = 1.0
#: A goal this far (m) costs half of what a far one does; a pitch this far off (rad) the same.
_GOAL_SCALE = 0.1
#: Speed asked for per metre that remains to a goal (1/s).
_APPROACH = 2.0
#: Seconds over which vertical speed and pitch rate are averaged: within a hop and within a turn they take every value.
_WINDOW = 0.5
#: Largest pitch rate (rad/s) of a body that begins tumbled.
_TUMBLING = 6.0
#: Seconds that an episode begins with.
_BEGINNING = 0.5


@dataclass(frozen=True)
class Commands:
    """Commands in force for n bodies: kind ids (n,) and targets (n,), absolute for goals and pitches."""

    body: Body
    kind: Ints
    target: Floats

    @staticmethod
    def relative(body: Body, kind: Ints, amount: Floats, coordinates: Floats) -> Commands:
        """From signed amounts (n,), capped to what the low level was trained on, at coordinates (n, c)."""
        limits = body.command_limits[kind]
        here, base = _here(body, kind, coordinates), _base(body, kind, coordinates)
        return Commands(body, kind, np.clip(base + amount, -limits, limits) - base + here)

    def rows(self, index: np.ndarray) -> Commands:
        """The commands of some bodies."""
        return Commands(self.body, self.kind[index], self.target[index])

    def replaced(self, rows: np.ndarray, others: Commands) -> Commands:
        """The same with other commands for some bodies (mask)."""
        kind, target = self.kind.copy(), self.target.copy()
        kind[rows], target[rows] = others.kind, others.target
        return Commands(self.body, kind, target)

    def remaining(self, coordinates: Floats) -> Floats:
        """(n,): the displacement still to go, of a pitch the shorter way round, or the velocity asked for."""
        remaining = self.target - _here(self.body, self.kind, coordinates)
        return np.where(self.kind == STAND, within_a_turn(remaining), remaining)

    def wanted(self, coordinates: Floats) -> Floats:
        """(n, axes) m/s along x, or x and y: the velocity asked for, for goals in proportion to what remains."""
        top, remaining = self.body.command_limits[VELOCITY], self.remaining(coordinates)
        speed = np.clip(np.where(_GOALS[self.kind], _APPROACH * remaining, remaining), -top, top)
        return self._along_axes(np.where(_GOALS[self.kind] | _VELOCITIES[self.kind], speed, 0.0))

    def features(self, coordinates: Floats, heading: Floats) -> Floats:
        """(n, f): the velocity wanted, from the heading; for each other kind asked for a flag and what remains.

        A goal is nothing but the velocity that it wants here, so that one gait is learnt for goals and velocities. Told
        which of the two it obeys, a body learns to reach goals and refuses to run.
        """
        remaining, obeyed = self.remaining(coordinates), [self.kind == kind for kind in _others(self.body)]
        told = [column for own in obeyed for column in (own, np.where(own, remaining, 0.0))]
        return np.column_stack([_from_heading(self.wanted(coordinates), heading), *told]).astype(np.float64)

    def error(self, coordinates: Floats) -> Floats:
        """(n,): unsigned error in the command's own unit."""
        tasks = Tasks(self.kind, self.target, self.body.space)
        off = active_coordinate(tasks, coordinates) - self.target
        return np.abs(np.where(self.kind == STAND, within_a_turn(off), off))

    def _along_axes(self, amount: Floats) -> Floats:
        """(n, axes) of amounts (n,) along the axis that each command is about."""
        if "y" not in self.body.space.positions:
            return amount[:, None]
        across = _ACROSS[self.kind]
        return np.stack([np.where(across, 0.0, amount), np.where(across, amount, 0.0)], axis=1)


def _here(body: Body, kind: Ints, coordinates: Floats) -> Floats:
    """(n,): the coordinate from which a displacement counts, 0 for all other kinds."""
    tasks = Tasks(kind, np.zeros(len(kind)), body.space)
    return np.where(_RELATIVE[kind], active_coordinate(tasks, coordinates), 0.0)


def _base(body: Body, kind: Ints, coordinates: Floats) -> Floats:
    """(n,): what an amount adds to before it is capped.

    A pitch means something by itself: what is capped is where it leads, whatever turns have been made.
    """
    return np.where(kind == STAND, within_a_turn(_here(body, kind, coordinates)), 0.0)


def _from_heading(vector: Floats, heading: Floats) -> Floats:
    """(n, axes) as it looks from headings (n,) rad."""
    return vector if vector.shape[1] == 1 else np.stack(rotated(vector[:, 0], vector[:, 1], -heading), axis=1)


def _others(body: Body) -> list[int]:
    """Kinds that a body is asked for and that are not about a place or a speed on the ground."""
    return [int(kind) for kind in body.space.kind_ids if not (_GOALS[kind] or _VELOCITIES[kind])]


def skills(body: Body) -> dict[str, Ints]:
    """Kinds that are practised together, by name: places and speeds on the ground first, then each other by itself.

    One gait serves the ground. To stand or to flip is nothing like it, and what a network learns of one it forgets of
    the other.
    """
    others = _others(body)
    ground = [int(kind) for kind in body.space.kind_ids if kind not in others]
    return {"ground": np.array(ground), **{KINDS[kind]: np.array([kind]) for kind in others}}


def sample_commands(
    rng: np.random.Generator, body: Body, coordinates: Floats, kinds: Ints | None = None, only: float | None = None
) -> Commands:
    """Commands over the whole range, zero and small displacements included, at coordinates (n, c).

    Args:
        kinds: that are asked for; by default all.
        only: a velocity (m/s) that every command asks for.
    """
    n, limits = len(coordinates), body.command_limits
    if only is not None:
        return Commands.relative(body, np.full(n, VELOCITY), np.full(n, only), coordinates)
    kinds = body.space.kind_ids if kinds is None else kinds
    weights = np.where(_GOALS[kinds], 1.0, _BEFORE_GOALS)
    kind = rng.choice(kinds, n, p=weights / weights.sum())
    share = rng.uniform(-1.0, 1.0, n)
    # High speeds more often: they are hardest, and what falls at them is soon asked for something else.
    share = np.where(body.space.velocity_like[body.space.place(kind)], np.sign(share) * np.sqrt(np.abs(share)), share)
    share = np.where(rng.random(n) < _STILL, 0.0, share)
    share = np.where(_GOALS[kind] & (rng.random(n) < _NEAR), share / 10.0, share)
    share = np.where(kind == JUMP, np.abs(share), share)
    return Commands.relative(body, kind, share * limits[kind] - _base(body, kind, coordinates), coordinates)


def command_features(body: Body) -> int:
    """Features that describe a command to the low level of a body."""
    return (2 if "y" in body.space.positions else 1) + 2 * len(_others(body))


def low_level_observation(stepper: Stepper, commands: Commands, rows: np.ndarray | slice = slice(None)) -> Floats:
    """(n, body observation + command features): what a low-level controller sees."""
    features = commands.features(stepper.coordinates(rows), stepper.heading(rows))
    # In rows: matrix products round by layout, and what is restored from a checkpoint is laid out in rows.
    return np.ascontiguousarray(np.concatenate([stepper.observation(rows), features], axis=1))


@dataclass(frozen=True)
class Practice:
    """How commands are practised.

    Attributes:
        seconds: length of an episode.
        change: mean seconds until a command is replaced.
        restless: how much more often in an episode's first half second, 1/s: an agent tries this and that then, and
            has not found its balance yet.
        fall_cost: of a fall, in units of the reward, which is between -3 and 0 at every step.
        tumbled: share of the episodes that begin pitched any way and turning on, which no body gets to by itself
            before it has learnt to flip and to get up.
        kinds: that are asked for; None for all.
        only: the one velocity (m/s) that is ever asked for; None for all commands.
    """

    seconds: float
    change: float
    fall_cost: float
    restless: float = 0.0
    tumbled: float = 0.0
    kinds: Ints | None = None
    only: float | None = None


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
        rewards = self._rewards() - self.practice.fall_cost * fell
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
            self.stepper.tumble(self.rng, rows & (self.rng.random(self.n) < self.practice.tumbled), _TUMBLING)

    def _rewards(self) -> Floats:
        """Minus the relative error of what the command asks for; where it is a position also the distance.

        A goal asks for a velocity proportional to what remains of it, so that goals and velocities teach one gait.
        """
        coordinates, kind = self.stepper.coordinates(), self.commands.kind
        distance = self.commands.error(coordinates)
        cost = np.minimum(self._relative_error(coordinates, distance), 2.0)
        return -cost - np.where(_RELATIVE[kind], distance / (distance + _GOAL_SCALE), 0.0)

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
        practice = self.practice
        return sample_commands(self.rng, self.body, self.stepper.coordinates(rows), practice.kinds, practice.only)
