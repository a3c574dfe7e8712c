"""How the artifacts behind a run were made: when, how long it took, why, and whether they were reused.

Times are in the store and not in any artifact, as equal inputs give equal bytes: only commands see them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from stages.store import Store
from stages.store.database import Record
from stages.store.lineage import Lineage
from stages.store.words import whose
from stages.why import reason
from vis.tables import numbers

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


def origins(store: Store, run_id: str) -> list[Origin]:
    """A run and all that it came from, parents first."""
    with store.explained():
        records = store.database.every()
        chain = Lineage(records).with_ancestors([run_id])
        return [_origin(store, record, records, set(chain)) for record in chain.values()]


def _origin(store: Store, record: Record, records: list[Record], chain: set[str]) -> Origin:
    tags = record.tags
    users = [other for other in records if record.run_id in _inputs(other)]
    first = min(users, key=lambda user: user.started, default=None)
    older = [r for r in records if r.is_sound and r.tags["stage"] == tags["stage"] and r.started < record.started]
    return Origin(
        name=" ".join(filter(None, [tags["stage"], whose(record)])),
        stage=tags["stage"],
        run_id=record.run_id,
        started=record.started,
        seconds=float(tags["seconds"]),
        reused=first is not None and first.run_id not in chain,
        why=reason((other.parts for other in older), record.parts),
        key=tags["key"],
        digest=tags["digest"],
        steps=_steps(store.folder(record.run_id, record.experiment_id)),
        pace=store.database.history(record.run_id, "progress"),
    )


def _inputs(record: Record) -> set[str]:
    """Ids of the runs that a run consumed."""
    return {about["run"] for about in json.loads(record.tags.get("parents", "{}")).values()}


def _steps(folder: Path) -> float:
    curve = folder / "learning_curve.parquet"
    return max(numbers(pd.read_parquet(curve, columns=["step"]), "step"), default=0.0) if curve.exists() else 0.0


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
