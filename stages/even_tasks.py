"""Tasks that cover what a body is asked for evenly, so that no part of a training meets harder ones than another."""

from __future__ import annotations

import numpy as np
from scipy.stats import qmc

from envs.body import Body
from envs.tasks import Ints, Tasks
from stages.decisions import DecidingBodies


class EvenTasks:
    """A low-discrepancy sequence of tasks, uniform over kinds, directions and ranges as ``draw_tasks`` is.

    How much a task can earn differs several-fold by kind and specification, which makes learning curves of tasks drawn
    independently wander. Halton's sequence, scrambled (Owen 2017), fills the ranges however many are taken at a time.

    Args:
        body: the description.
        rng: of the scrambling.
    """

    def __init__(self, body: Body, rng: np.random.Generator) -> None:
        self._body, self._points = body, qmc.Halton(3, rng=rng)

    @property
    def drawn(self) -> int:
        """Tasks given so far."""
        return self._points.num_generated

    def resume(self, drawn: int) -> None:
        """Go on after so many tasks, of which no more have been drawn."""
        self._points.fast_forward(drawn - self.drawn)

    def draw(self, n: int) -> Tasks:
        """The next n tasks."""
        space, ranges = self._body.space, self._body.task_ranges
        kind, direction, size = self._points.random(n).T
        place = (kind * len(space.kinds)).astype(np.int64)
        low, high = np.array([ranges[kind] for kind in space.kinds]).T
        amount = low[place] + size * (high - low)[place]
        sign = np.where(space.unsigned[place] | (direction < 0.5), 1.0, -1.0)
        return Tasks(space.kind_ids[place], amount * sign, space)

    def give(self, bodies: DecidingBodies, ages: Ints) -> None:
        """The next tasks to bodies whose episode (n,) has made no decision yet."""
        begun = ages == 0
        if begun.any():
            bodies.tasks = bodies.tasks.replaced(begun, self.draw(int(begun.sum())))
