"""Tasks: what a body is asked for, and the one reward that says how well it does.

A task is a kind and a specification. The reward is the same on the toy and on every body,
so that what an encoder learns on the toy holds on the body.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import pi

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Ranges = Mapping[str, tuple[float, float]]

#: Global kind ids are the positions in this tuple; they never change, new kinds are appended.
KINDS = ("velocity", "goal", "stand", "jump", "flip", "direction", "velocity_y", "goal_y")
VELOCITY, GOAL, STAND, JUMP, FLIP = (KINDS.index(kind) for kind in ("velocity", "goal", "stand", "jump", "flip"))

#: The toy coordinate that each kind is about, and the unit of its specification.
COORDINATE_OF_KIND: Mapping[str, str] = {
    "velocity": "vx",
    "goal": "x",
    "stand": "pitch",
    "jump": "vz",
    "flip": "vpitch",
    "velocity_y": "vy",
    "goal_y": "y",
}
UNITS: Mapping[str, str] = {"x": "m", "y": "m", "z": "m", "pitch": "rad"} | {
    "vx": "m/s",
    "vy": "m/s",
    "vz": "m/s",
    "vpitch": "rad/s",
}
#: A jump asks for a vertical speed, up or down; its specification has no sign.
UNSIGNED = ("jump",)
#: The toy decides every ``TOY_STEP`` seconds; an action of 1 gives a position its top speed, m/s or rad/s.
TOY_STEP = 0.1
TOP_SPEED: Mapping[str, float] = {"x": 5.0, "y": 5.0, "z": 3.0, "pitch": 4.0 * pi}
#: What the two signs of a specification are called.
_DIRECTIONS = {"velocity_y": ("left", "right"), "goal_y": ("left", "right")}
_FRONT_BACK = ("forward", "backward")


@dataclass(frozen=True)
class Space:
    """Toy coordinates, and the kinds of tasks that live in them.

    Attributes:
        name: ``line``, ``plane`` or ``posture``.
        positions: coordinates that can be set; each has a velocity, ``v`` and its name.
        kinds: by name, in the order of their places in this space.
    """

    name: str
    positions: tuple[str, ...]
    kinds: tuple[str, ...]

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Names of all toy coordinates, positions first; arrays (..., coordinates) are in this order."""
        return (*self.positions, *(f"v{name}" for name in self.positions))

    @cached_property
    def kind_ids(self) -> Ints:
        """(kinds,): the global ids of this space's kinds."""
        return np.array([KINDS.index(kind) for kind in self.kinds])

    @cached_property
    def about(self) -> Ints:
        """(kinds,): index of the coordinate that each kind of this space is about."""
        return np.array([self.coordinates.index(COORDINATE_OF_KIND[kind]) for kind in self.kinds])

    @cached_property
    def moves(self) -> Ints:
        """(kinds,): index of the position that is moved for each kind of this space."""
        return self.about % len(self.positions)

    @cached_property
    def velocity_like(self) -> np.ndarray:
        """(kinds,) bool: whether a kind asks for a velocity, else for a position."""
        return self.about >= len(self.positions)

    @cached_property
    def top_speeds(self) -> Floats:
        """(positions,): ``TOP_SPEED`` of each."""
        return np.array([TOP_SPEED[name] for name in self.positions])

    @cached_property
    def look_ahead(self) -> Floats:
        """(kinds,): the velocity, or the displacement in one decision, that the toy's law gives an action of 1."""
        return self.top_speeds[self.moves] * np.where(self.velocity_like, 1.0, TOY_STEP)

    @cached_property
    def unsigned(self) -> np.ndarray:
        """(kinds,) bool: whether the size of the coordinate counts alone."""
        return np.array([kind in UNSIGNED for kind in self.kinds])

    @cached_property
    def base_tasks(self) -> tuple[str, ...]:
        """Names of kind and direction: ``velocity forward``; a kind without a sign has one."""
        return tuple(name for kind in self.kinds for name in _base_tasks(kind))

    @cached_property
    def kind_of_base_task(self) -> Ints:
        """(base tasks,): the place of each base task's kind."""
        return np.array([place for place, kind in enumerate(self.kinds) for _ in _base_tasks(kind)])

    def place(self, kind: Ints) -> Ints:
        """Places in this space of global kind ids, of any shape."""
        return self._places[kind]

    def base_task(self, kind: Ints, specification: Floats) -> Ints:
        """Ids into ``base_tasks`` of global kind ids and specifications of one shape."""
        place = self.place(kind)
        first = np.searchsorted(self.kind_of_base_task, np.arange(len(self.kinds)))
        return first[place] + ((specification < 0) & ~self.unsigned[place])

    @cached_property
    def _places(self) -> Ints:
        places = np.full(len(KINDS), -1)
        places[self.kind_ids] = np.arange(len(self.kinds))
        return places


def _base_tasks(kind: str) -> list[str]:
    stem = kind.removesuffix("_y")
    return [stem] if kind in UNSIGNED else [f"{stem} {way}" for way in _DIRECTIONS.get(kind, _FRONT_BACK)]


LINE = Space("line", ("x",), ("velocity", "goal"))
PLANE = Space("plane", ("x", "y"), ("velocity", "goal", "velocity_y", "goal_y"))
POSTURE = Space("posture", ("x", "z", "pitch"), ("velocity", "goal", "stand", "jump", "flip"))
SPACES: Mapping[str, Space] = {space.name: space for space in (LINE, PLANE, POSTURE)}

#: Every base task there is, in one order for all figures.
BASE_TASKS = tuple(dict.fromkeys(name for space in (LINE, PLANE, POSTURE) for name in space.base_tasks))

#: Ranges of |specification| on the toy. Velocity and goal as in the system this descends from.
TOY_RANGES: Ranges = {
    "velocity": (0.5, 3.0),
    "goal": (1.0, 25.0),
    "stand": (0.2 * pi, 0.5 * pi),
    "jump": (0.5, 3.0),
    "flip": (0.5 * pi, 4.0 * pi),
    "velocity_y": (0.5, 3.0),
    "goal_y": (1.0, 25.0),
}

#: Where in a body's range the reference tasks lie (evaluation protocol).
_GOAL_FRACTIONS, _OTHER_FRACTIONS = (0.3, 0.5, 0.9), (0.1, 0.5, 0.9)


@dataclass(frozen=True)
class Tasks:
    """A batch of tasks: kind ids (n,) and signed specifications (n,) in the unit of the kind's coordinate."""

    kind: Ints
    specification: Floats
    space: Space = LINE

    def __len__(self) -> int:
        return len(self.kind)

    def __getitem__(self, index: slice | NDArray[np.integer | np.bool_]) -> Tasks:
        return Tasks(self.kind[index], self.specification[index], self.space)

    @property
    def base_task(self) -> Ints:
        """Ids (n,) into the space's ``base_tasks``."""
        return self.space.base_task(self.kind, self.specification)

    @property
    def base_task_names(self) -> np.ndarray:
        """(n,): ``goal forward``."""
        return np.array(self.space.base_tasks)[self.base_task]

    def labels(self) -> list[str]:
        """What a reader sees: ``goal +5.10 m``."""
        rows = zip(self.kind, self.specification, strict=True)
        return [f"{KINDS[k]} {s:+.2f} {UNITS[COORDINATE_OF_KIND[KINDS[k]]]}" for k, s in rows]

    def replaced(self, rows: np.ndarray, others: Tasks) -> Tasks:
        """The same with other tasks at some positions (mask)."""
        kind, specification = self.kind.copy(), self.specification.copy()
        kind[rows], specification[rows] = others.kind, others.specification
        return Tasks(kind, specification, self.space)


def concatenate(batches: Sequence[Tasks]) -> Tasks:
    """One batch out of several of one space."""
    kind, specification = ([getattr(b, name) for b in batches] for name in ("kind", "specification"))
    return Tasks(np.concatenate(kind), np.concatenate(specification), batches[0].space)


def active_coordinate(tasks: Tasks, coordinates: Floats) -> Floats:
    """The coordinate (..., n) that each task is about, or its size, out of toy coordinates (..., n, coordinates)."""
    place = tasks.space.place(tasks.kind)
    index = np.broadcast_to(tasks.space.about[place], coordinates.shape[:-1])
    values = np.take_along_axis(coordinates, index[..., None], axis=-1)[..., 0]
    return np.where(tasks.space.unsigned[place], np.abs(values), values)


def reward(tasks: Tasks, coordinates: Floats) -> Floats:
    """-|coordinate - specification| / |specification| for next coordinates (..., n, coordinates).

    -1 is what standing still at the origin earns, 0 is perfect.
    """
    target = tasks.specification
    return -np.abs(active_coordinate(tasks, coordinates) - target) / np.abs(target)


def missing(tasks: Tasks, coordinates: Floats) -> Floats:
    """(n,): the signed amount of the command that each task asks for: what is missing to a position, or a velocity."""
    velocity_like = tasks.space.velocity_like[tasks.space.place(tasks.kind)]
    return tasks.specification - np.where(velocity_like, 0.0, active_coordinate(tasks, coordinates))


def sample_tasks(rng: np.random.Generator, n: int, ranges: Ranges, space: Space = LINE) -> Tasks:
    """n tasks, uniform over kinds, directions and the ranges of |specification|."""
    place = rng.integers(0, len(space.kinds), n)
    low, high = np.array([ranges[kind] for kind in space.kinds]).T
    size = low[place] + rng.random(n) * (high - low)[place]
    sign = np.where(space.unsigned[place], 1.0, rng.choice([-1.0, 1.0], n))
    return Tasks(space.kind_ids[place], size * sign, space)


def reference_tasks(ranges: Ranges, space: Space = LINE) -> Tasks:
    """The reference tasks of the evaluation protocol: three per base task, twelve on the line."""
    order = sorted(space.kinds, key=lambda kind: not kind.startswith("goal"))  # goals first, as they are always shown
    rows = [
        (KINDS.index(kind), sign * (ranges[kind][0] + fraction * (ranges[kind][1] - ranges[kind][0])))
        for kind in order
        for sign in _signs(kind)
        for fraction in reference_fractions(kind)
    ]
    kinds, specifications = zip(*rows, strict=True)
    return Tasks(np.array(kinds), np.array(specifications), space)


def reference_fractions(kind: str) -> tuple[float, ...]:
    """Where in the range of a kind its reference tasks lie."""
    return _GOAL_FRACTIONS if kind.startswith("goal") else _OTHER_FRACTIONS


def split_toy_tasks(
    rng: np.random.Generator, train: int, held_out: int, space: Space = LINE, ranges: Ranges = TOY_RANGES
) -> tuple[Tasks, Tasks]:
    """Disjoint training and held-out tasks: per base task an even grid over the toy's range, dealt at random.

    ``train`` and ``held_out`` count specifications per base task.
    """
    parts: tuple[list[Tasks], list[Tasks]] = ([], [])
    for kind in space.kinds:
        for sign in _signs(kind):
            grid = sign * rng.permutation(np.linspace(*ranges[kind], train + held_out))
            for part, chosen in zip(parts, (grid[:train], grid[train:]), strict=True):
                part.append(Tasks(np.full(len(chosen), KINDS.index(kind)), chosen, space))
    return concatenate(parts[0]), concatenate(parts[1])


def _signs(kind: str) -> tuple[float, ...]:
    return (1.0,) if kind in UNSIGNED else (1.0, -1.0)
