"""How the artifacts behind a run were made: when, how long it took, why, and whether they were reused.

Times are in the store and not in any artifact, as equal inputs give equal bytes: only commands see them.
"""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from stages.changes import reason
from stages.store import Store
from stages.store.database import Record
from stages.store.lineage import Lineage
from stages.store.words import whose
from vis.origin import Origin
from vis.tables import numbers


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
