"""Looking at the store: what it holds, where a run came from, and whether every byte is as it was published."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from stages.store.database import Record
from stages.store.leftovers import leftovers
from stages.store.lineage import Lineage
from stages.store.runs import Store
from stages.store.words import age, named, size, table, weight, whose
from stages.store.writer import StoredRun

_HEADINGS = ("run", "stage", "body", "seed", "age", "size", "")


def find(store: Store, name: str) -> StoredRun:
    """A finished run by its key, its id, or the beginning of its id.

    Raises:
        UserError: there is none, or it is damaged.
    """
    return store.find(name) or store.run(name)


def listed(store: Store, stage: str | None = None, body: str | None = None, everything: bool = False) -> list[str]:
    """A line per finished run, newest first, which marks those that no newer one supersedes.

    Args:
        body: by name; a comparison is listed with each of its bodies.
        everything: also runs that were put aside or whose files are gone.
    """
    marked = [(record, mark) for record, mark in _marked(store) if everything or mark in ("", "newest")]
    rows = [_row(store, record, mark) for record, mark in marked if _is_asked_for(record, stage, body)]
    return table([_HEADINGS, *rows]) if rows else ["nothing of that kind is stored"]


def shown(store: Store, name: str) -> list[str]:
    """All about a run, its lineage down to the roots among it.

    Raises:
        UserError: there is no such run, or it is damaged.
    """
    run = find(store, name)
    with store.explained():
        records = store.database.every()
    record = next(each for each in records if each.run_id == run.run_id)
    artifact = run.artifact
    files = {path.relative_to(artifact.folder).as_posix(): path for path in artifact.folder.rglob("*")}
    return [
        named(record),
        *table([("id", run.run_id), ("key", artifact.key), ("digest", artifact.digest)]),
        f"took {run.seconds:.1f} s, {age(record.started)} ago",
        *_group("config", record.parts["config"]),
        "inputs",
        *Lineage(records).tree(record),
        *_group("files", {name: size(weight(path)) for name, path in sorted(files.items()) if path.is_file()}),
        *_group("metrics", {name: f"{value:.4g}" for name, value in run.metrics.items()}),
    ]


def verify(store: Store, say: Callable[[str], object] = print) -> int:
    """Read every stored byte, put damaged runs aside as reading does, and tell what lies about; counts the damaged.

    Raises:
        UserError: the store cannot be used.
    """
    with store.explained():
        records = store.database.every()
        sound = [record for record in records if record.is_sound]
        damaged = sum(store.read(record, say, afresh=True) is None for record in sound)
        for item in leftovers(store, {record.tags["key"] for record in records}):
            say(str(item))
    aside = sum("quarantined" in record.tags for record in records)
    say(f"{len(sound) - damaged} runs sound, {damaged} damaged, {aside} put aside before")
    return damaged


def _marked(store: Store) -> Iterator[tuple[Record, str]]:
    """Finished runs, newest first, and what is to be said about each."""
    seen = set[tuple[str | None, ...]]()
    with store.explained():
        finished = [record for record in store.database.every() if record.status == "FINISHED"]
    for record in finished:
        if wrong := _wrong(store, record):
            yield record, wrong
        else:
            yield record, "" if record.kind in seen else "newest"
            seen.add(record.kind)


def _wrong(store: Store, record: Record) -> str:
    if not record.is_sound:
        return f"put aside: {record.tags['quarantined']}"
    there = store.elsewhere or store.folder(record.run_id, record.experiment_id).is_dir()
    return "" if there else "its files are gone"


def _is_asked_for(record: Record, stage: str | None, body: str | None) -> bool:
    bodies = record.tags.get("body", "").split(", ")
    return stage in (None, record.tags["stage"]) and (body is None or body in bodies)


def _row(store: Store, record: Record, mark: str) -> tuple[str, ...]:
    folder, tags = store.folder(record.run_id, record.experiment_id), record.tags
    about = size(weight(folder)) if folder.is_dir() or not store.elsewhere else "not here"
    return (record.run_id[:8], tags["stage"], whose(record), tags.get("seed", ""), age(record.started), about, mark)


def _group(heading: str, values: Mapping[str, Any]) -> list[str]:
    return [heading, *(f"  {line}" for line in table([(name, str(value)) for name, value in values.items()]))]
