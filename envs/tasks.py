"""Tasks: what a body is asked for, and the one reward that says how well it does.

A task is a kind and a specification. The reward is the same on the toy and on every body,
so that what an encoder learns on the toy holds on the body.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Global kind ids are the positions in this tuple; they never change, new kinds are appended.
KINDS = ("velocity", "goal", "stand", "jump", "flip", "direction")
VELOCITY, GOAL = KINDS.index("velocity"), KINDS.index("goal")

#: Toy coordinates of the one-dimensional toy, in order: position (m) and velocity (m/s).
COORDINATES = ("x", "vx")
X, VX = COORDINATES.index("x"), COORDINATES.index("vx")

#: The kinds that live in these coordinates, by id, and the coordinate each is about.
ACTIVE_KINDS = (VELOCITY, GOAL)
COORDINATE_OF_KIND = (VX, X)

#: A base task is a kind and a direction; ``base_task_ids`` counts them 2 * kind + (specification < 0).
BASE_TASKS = ("velocity forward", "velocity backward", "goal forward", "goal backward")

#: Ranges of |specification| on the toy (m/s and m), as in the system this descends from.
TOY_RANGES: Mapping[str, tuple[float, float]] = {"velocity": (0.5, 3.0), "goal": (1.0, 25.0)}

#: Where in a body's range the twelve reference tasks lie (evaluation protocol).
REFERENCE_FRACTIONS: Mapping[str, tuple[float, ...]] = {"goal": (0.3, 0.5, 0.9), "velocity": (0.1, 0.5, 0.9)}


@dataclass(frozen=True)
class Tasks:
    """A batch of tasks: kind ids (n,) and signed specifications (n,) in m or m/s."""

    kind: Ints
    specification: Floats

    def __len__(self) -> int:
        return len(self.kind)

    def __getitem__(self, index: slice | NDArray[np.integer | np.bool_]) -> Tasks:
        return Tasks(self.kind[index], self.specification[index])

    @property
    def base_task(self) -> Ints:
        """Ids into ``BASE_TASKS``."""
        return base_task_ids(self.kind, self.specification)

    def labels(self) -> list[str]:
        """What a reader sees: ``goal +5.1 m``."""
        units = {VELOCITY: "m/s", GOAL: "m"}
        return [f"{KINDS[k]} {s:+.2f} {units[int(k)]}" for k, s in zip(self.kind, self.specification, strict=True)]


def base_task_ids(kind: Ints, specification: Floats) -> Ints:
    """Base-task ids of kinds and specifications of one shape."""
    return 2 * kind + (specification < 0)


def concatenate(batches: Sequence[Tasks]) -> Tasks:
    """One batch out of several."""
    return Tasks(np.concatenate([b.kind for b in batches]), np.concatenate([b.specification for b in batches]))


def active_coordinate(tasks: Tasks, coordinates: Floats) -> Floats:
    """The coordinate (..., n) that each task is about, out of toy coordinates (..., n, 2)."""
    index = np.broadcast_to(np.array(COORDINATE_OF_KIND)[tasks.kind], coordinates.shape[:-1])
    return np.take_along_axis(coordinates, index[..., None], axis=-1)[..., 0]


def reward(tasks: Tasks, coordinates: Floats) -> Floats:
    """-|coordinate - specification| / |specification| for next coordinates (..., n, 2).

    -1 is what standing still at the origin earns, 0 is perfect.
    """
    target = tasks.specification
    return -np.abs(active_coordinate(tasks, coordinates) - target) / np.abs(target)


def sample_tasks(rng: np.random.Generator, n: int, ranges: Mapping[str, tuple[float, float]]) -> Tasks:
    """n tasks, uniform over kinds, directions and the ranges of |specification|."""
    kind = rng.integers(0, len(ACTIVE_KINDS), n)
    low, high = np.array([ranges[KINDS[k]] for k in ACTIVE_KINDS]).T
    size = low[kind] + rng.random(n) * (high - low)[kind]
    return Tasks(kind, size * rng.choice([-1.0, 1.0], n))


def reference_tasks(ranges: Mapping[str, tuple[float, float]]) -> Tasks:
    """The twelve reference tasks of the evaluation protocol, front and back."""
    rows = [
        (KINDS.index(kind), sign * (low + fraction * (high - low)))
        for kind, (low, high) in ((k, ranges[k]) for k in REFERENCE_FRACTIONS)
        for sign in (1.0, -1.0)
        for fraction in REFERENCE_FRACTIONS[kind]
    ]
    kinds, specifications = zip(*rows, strict=True)
    return Tasks(np.array(kinds), np.array(specifications))


def split_toy_tasks(rng: np.random.Generator, train: int, held_out: int) -> tuple[Tasks, Tasks]:
    """Disjoint training and held-out tasks: per base task an even grid over the toy's range, dealt at random.

    ``train`` and ``held_out`` count specifications per base task.
    """
    parts: tuple[list[Tasks], list[Tasks]] = ([], [])
    for kind in ACTIVE_KINDS:
        low, high = TOY_RANGES[KINDS[kind]]
        for sign in (1.0, -1.0):
            grid = sign * rng.permutation(np.linspace(low, high, train + held_out))
            for part, chosen in zip(parts, (grid[:train], grid[train:]), strict=True):
                part.append(Tasks(np.full(len(chosen), kind), chosen))
    return concatenate(parts[0]), concatenate(parts[1])
