"""Which training task comes next: small specifications more often, and if asked for, those that go badly."""

from __future__ import annotations

import numpy as np

from envs.tasks import Floats, Tasks

#: Share of what is known of a task's error that a new one replaces.
_RENEWED = 0.1


class TaskDraws:
    """Draws of training tasks.

    Small specifications come more often: there an error weighs most, as it is relative.

    Args:
        train: the tasks.
        worst: share of the draws that goes by the errors noted, in proportion.

    Attributes:
        errors: noted (n,), a running mean by task.
    """

    def __init__(self, train: Tasks, worst: float) -> None:
        self.train, self.worst, self.errors = train, worst, np.ones(len(train))
        weight = 1.0 / np.sqrt(np.abs(train.specification))
        self._usual: Floats = weight / (np.bincount(train.kind, weight)[train.kind] * len(np.unique(train.kind)))

    def draw(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Indices (n,) of training tasks."""
        return rng.choice(len(self.train), n, p=self._chances())

    def note(self, which: np.ndarray, errors: Floats) -> None:
        """Errors (n,) that the policy made on tasks by index (n,)."""
        counts = np.bincount(which, minlength=len(self.train))
        means = np.bincount(which, errors, minlength=len(self.train)) / np.maximum(counts, 1)
        self.errors += _RENEWED * (counts > 0) * (means - self.errors)

    def _chances(self) -> Floats:
        if self.worst == 0.0:
            return self._usual
        return (1.0 - self.worst) * self._usual + self.worst * self.errors / self.errors.sum()
