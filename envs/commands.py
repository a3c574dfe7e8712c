"""Commands: what a low-level controller obeys.

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
from envs.tasks import GOAL, KINDS, STAND, VELOCITY, Floats, Ints, Tasks, active_coordinate

#: Kinds that are obeyed alike: the same along both axes of the plane.
_FAMILY = np.array([KINDS.index(kind.removesuffix("_y")) for kind in KINDS])
GOALS = _FAMILY == GOAL
VELOCITIES = _FAMILY == VELOCITY
_ACROSS = np.array([kind.endswith("_y") for kind in KINDS])
#: Kinds whose amount is a displacement from where the body is.
RELATIVE = GOALS | (np.arange(len(KINDS)) == STAND)
#: Speed asked for per metre that remains to a goal (1/s).
_APPROACH = 2.0


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
        here, base = _here(body, kind, coordinates), already(body, kind, coordinates)
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
        speed = np.clip(np.where(GOALS[self.kind], _APPROACH * remaining, remaining), -top, top)
        return self._along_axes(np.where(GOALS[self.kind] | VELOCITIES[self.kind], speed, 0.0))

    def features(self, coordinates: Floats, heading: Floats, lead: float = np.inf) -> Floats:
        """(n, f): the velocity wanted, from the heading; for each other base task a flag and what remains.

        A goal is nothing but the velocity that it wants here, so that one gait is learnt for goals and velocities. Told
        which of the two it obeys, a body learns to reach goals and refuses to run.

        Args:
            lead: m/s, how far the velocity that it is told may be from the present one. Practice is without limit.
        """
        remaining, asked = self.remaining(coordinates), self.base_task
        told = [
            column for other in other_base_tasks(self.body) for column in (asked == other, (asked == other) * remaining)
        ]
        return np.column_stack([_from_heading(self._within(lead, coordinates), heading), *told]).astype(np.float64)

    def _within(self, lead: float, coordinates: Floats) -> Floats:
        """(n, axes) m/s: the velocity wanted, or as far towards it as the lead allows.

        A body at rest that is told to run at full speed leans into it further than it can catch itself.
        """
        wanted, places = self.wanted(coordinates), len(self.body.space.positions)
        if not np.isfinite(lead):
            return wanted
        present = coordinates[:, places : places + wanted.shape[1]]
        share = lead / np.maximum(np.linalg.norm(wanted - present, axis=1, keepdims=True), lead)
        return np.where(share < 1.0, present + share * (wanted - present), wanted)

    @property
    def base_task(self) -> Ints:
        """Ids (n,) into the space's ``base_tasks``: which way, where it is not about the ground."""
        return self.body.space.base_task(
            self.kind, np.where(self.kind == STAND, within_a_turn(self.target), self.target)
        )

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
    return np.where(RELATIVE[kind], active_coordinate(tasks, coordinates), 0.0)


def already(body: Body, kind: Ints, coordinates: Floats) -> Floats:
    """(n,): what an amount adds to before it is capped.

    A pitch means something by itself: what is capped is where it leads, whatever turns have been made.
    """
    return np.where(kind == STAND, within_a_turn(_here(body, kind, coordinates)), 0.0)


def _from_heading(vector: Floats, heading: Floats) -> Floats:
    """(n, axes) as it looks from headings (n,) rad."""
    return vector if vector.shape[1] == 1 else np.stack(rotated(vector[:, 0], vector[:, 1], -heading), axis=1)


def other_base_tasks(body: Body) -> list[int]:
    """Base tasks that a body is asked for and that are not about a place or a speed on the ground."""
    kinds = body.space.kind_ids[body.space.kind_of_base_task]
    return [place for place, kind in enumerate(kinds) if not (GOALS[kind] or VELOCITIES[kind])]


def command_features(body: Body) -> int:
    """Features that describe a command to the low level of a body."""
    return (2 if "y" in body.space.positions else 1) + 2 * len(other_base_tasks(body))


def low_level_observation(
    stepper: Stepper, commands: Commands, rows: np.ndarray | slice = slice(None), lead: float = np.inf
) -> Floats:
    """(n, body observation + command features): what a low-level controller sees."""
    features = commands.features(stepper.coordinates(rows), stepper.heading(rows), lead)
    # In rows: matrix products round by layout, and what is restored from a checkpoint is laid out in rows.
    return np.ascontiguousarray(np.concatenate([stepper.observation(rows), features], axis=1))
