"""A run of a lineage as figures take it, free of the store that it was read from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Share of a stage's work over which its pace is averaged; seconds until its reports come as they are made.
_WINDOW, _SETTLING = 0.05, 2.0


@dataclass(frozen=True)
class Origin:
    """A run of the lineage.

    Attributes:
        name: stage, and whose.
        started: seconds since the epoch.
        seconds: how long it took to compute.
        reused: whether another run used it before this lineage did.
        why: it was computed, in a line.
        steps: of its training, by its learning curve; 0 without one.
        pace: (seconds since the epoch, share of the work done), in order.
    """

    name: str
    stage: str
    run_id: str
    started: float
    seconds: float
    reused: bool
    why: str
    key: str
    digest: str
    steps: float
    pace: list[tuple[float, float]]

    @property
    def steps_per_second(self) -> float:
        """Mean throughput of its training; 0 without one."""
        return self.steps / self.seconds if self.seconds else 0.0


def throughput(origin: Origin) -> tuple[list[float], list[float]]:
    """Steps done, and steps per second around them; empty for a stage that does not train."""
    # What a stage said before anybody listened arrives at once, and tells nothing about its pace.
    heard = [(time, share) for time, share in origin.pace if time >= origin.pace[0][0] + _SETTLING]
    if not origin.steps or len(heard) < 3:
        return [], []
    seconds, share = np.array(heard).T
    grid = np.arange(share[0], share[-1] + 1e-9, _WINDOW)
    # What was reported twice, or backwards after a stage was resumed, keeps its first time.
    done, first = np.unique(np.maximum.accumulate(share), return_index=True)
    taken = np.diff(np.interp(grid, done, seconds[first]))
    kept = taken > 0
    rate = _WINDOW * origin.steps / np.where(kept, taken, 1.0)
    return (grid[1:][kept] * origin.steps).round().tolist(), rate[kept].round(1).tolist()
