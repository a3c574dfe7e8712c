"""Clearing the store of what nothing needs any more.

What stays: of every kind of run (stage, body, route, seed, profile, kinds of tasks, space) the newest sound one; runs
with a tag ``keep``; runs that a registered model's alias points at; all that these came from; and all finished runs
while any stage is being computed, as it may need one of them. Whether a run is sound is read from its files, so that
a damaged one is put aside.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path

from filelock import Timeout

from stages.store import artifacts
from stages.store.database import Record
from stages.store.leftovers import Item, entries, leftovers, path_item
from stages.store.lineage import Lineage
from stages.store.runs import Store
from stages.store.words import DAY, age, named, seconds_since, size


def collect(store: Store, days: float, really: bool = False, say: Callable[[str], object] = print) -> None:
    """Tell what would go and why, and how much that frees.

    Args:
        days: for how long damaged runs stay put aside, and checkpoints of stages that nobody computes.
        really: remove it, too.

    Raises:
        UserError: the store cannot be used, or is being cleared already.
    """
    with store.explained(), store.locks.alone():
        freed = 0
        for item in _plan(store, days, say):
            line, weight = str(item), item.weight
            if really and not _remove(store, item):
                line, weight = f"{item.what}: in use, left alone", 0
            say(line)
            freed += weight
        say(f"freed {size(freed)}" if really else f"{size(freed)} to free; gc --yes does it")


def _remove(store: Store, item: Item) -> bool:
    """Whether nothing of it was in use."""
    return all([_remove_place(store, item, key, path) for key, path in item.places])


def _remove_place(store: Store, item: Item, key: str, path: Path) -> bool:
    try:
        with store.lock(key).acquire(timeout=0) if key else nullcontext():
            store.drop(item.record) if item.record else artifacts.remove(path)
    except Timeout:
        return False
    return True


def _plan(store: Store, days: float, say: Callable[[str], object]) -> list[Item]:
    """Runs before those that they came from, so that no run is left without its parents if this is interrupted."""
    _put_damaged_aside(store, say)
    records = store.database.every()
    pinned = {record.run_id for record in records if "keep" in record.tags} | store.database.aliased()
    superseded = list(_superseded(store, records, pinned))
    if superseded and store.locks.held(record.tags["key"] for record in store.database.running()):
        say(f"superseded runs: {len(superseded)} stay while a stage is being computed, which may need them")
        superseded = []
    others = [record for record in records if record.run_id not in pinned]
    runs = [*superseded, *_abandoned(store, others)]
    gone = {item.record.run_id for item in runs if item.record}
    used = {record.tags["key"] for record in records if record.run_id not in gone}
    return [*runs, *_put_aside(store, others, days), *leftovers(store, used, days)]


def _put_damaged_aside(store: Store, say: Callable[[str], object]) -> None:
    # A run that cannot be served must not supersede one that can.
    for runs in _by_kind(store.database.every()).values():
        if len(runs) > 1:
            any(store.read(run, say) for run in runs)


def _by_kind(records: Iterable[Record]) -> dict[tuple[str | None, ...], list[Record]]:
    kinds: dict[tuple[str | None, ...], list[Record]] = {}
    for record in records:
        if record.is_sound:
            kinds.setdefault(record.kind, []).append(record)
    return kinds


def _superseded(store: Store, records: Collection[Record], pinned: Collection[str]) -> Iterator[Item]:
    newest = {kind: runs[0] for kind, runs in _by_kind(records).items()}
    lineage = Lineage(records)
    kept = lineage.with_ancestors([*pinned, *(record.run_id for record in newest.values())])
    for run_id, record in lineage.sound.items():
        if run_id not in kept:
            by = newest[record.kind].run_id[:8]
            yield _item(store, record, f"superseded by {by}, took {float(record.tags['seconds']):.0f} s")


def _abandoned(store: Store, records: Iterable[Record]) -> Iterator[Item]:
    for record in records:
        died = record.status == "RUNNING" and store.knows_owner(record)
        if (died or record.status in ("FAILED", "KILLED")) and store.locks.is_free(record.tags["key"]):
            yield _item(store, record, "its process died" if died else record.status.lower())


def _put_aside(store: Store, records: Iterable[Record], days: float) -> Iterator[Item]:
    recent: set[str] = set()
    for path in entries(store.state / "quarantine"):
        since = path.stat().st_mtime
        if seconds_since(since) < days * DAY:
            recent.add(path.name.partition("-")[0])
        else:
            yield path_item(store, path, f"damaged, put aside {age(since)} ago")
    for record in records:
        if "quarantined" in record.tags and record.run_id not in recent:
            yield _item(store, record, "damaged, its files were put aside")


def _item(store: Store, record: Record, why: str) -> Item:
    folder = store.folder(record.run_id, record.experiment_id).parent
    return Item(named(record), why, ((record.tags["key"], folder),), record)
