"""What lies in the store's folders and belongs to no stored run."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from stages.store.database import Record
from stages.store.runs import Store
from stages.store.words import DAY, age, seconds_since, size, weight

#: How MLflow names the folder of a run. Beside runs it keeps models and traces, which are not the store's.
_RUN = re.compile(r"[0-9a-f]{32}")
_KEY = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Item:
    """Something that can go.

    Attributes:
        places: its folders or files, each with the key whose lock is to be held while it goes; empty if there is none.
        record: the run that it is, if it is one.
    """

    what: str
    why: str
    places: tuple[tuple[str, Path], ...]
    record: Record | None = None

    @property
    def weight(self) -> int:
        """Bytes of its files."""
        return sum(weight(path) for _, path in self.places)

    def __str__(self) -> str:
        return f"{self.what}: {self.why}, {size(self.weight)}"


def leftovers(store: Store, used: Collection[str], days: float = 0.0) -> list[Item]:
    """Orphaned folders, working folders that nobody computes in, and logs without use.

    Args:
        used: keys of runs whose logs have a use.
        days: for how long checkpoints have not been touched.
    """
    stored = {record.tags["key"] for record in store.database.every() if record.is_sound}
    return [*_orphans(store), *_idle_work(store, stored, days), *_idle_logs(store, used)]


def path_item(store: Store, path: Path, why: str, key: str = "") -> Item:
    """A file or a folder that belongs to no run."""
    return Item(path.relative_to(store.root).as_posix(), why, ((key, path),))


def entries(folder: Path) -> list[Path]:
    """What lies in a folder that may be missing, by name."""
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _orphans(store: Store) -> Iterator[Item]:
    # First the folders: a run is in the database before it has a folder.
    homes = [store.home / home for home in store.database.homes()]
    found = [path for home in homes for path in entries(home) if _RUN.fullmatch(path.name)]
    known = store.database.known()
    return (path_item(store, path, "orphaned, no run has it") for path in found if path.name not in known)


def _idle_work(store: Store, stored: Collection[str], days: float) -> Iterator[Item]:
    for path in entries(store.state / "work"):
        since = max((each.lstat().st_mtime for each in [path, *path.rglob("*")]), default=0.0)
        if not store.locks.is_free(path.name):
            continue
        if not _KEY.fullmatch(path.name):
            yield path_item(store, path, "left by an import", path.name)
        elif path.name in stored:
            yield path_item(store, path, "its run is stored", path.name)
        elif seconds_since(since) >= days * DAY:
            yield path_item(store, path, f"checkpoints, untouched for {age(since)}", path.name)


def _idle_logs(store: Store, used: Collection[str]) -> Iterator[Item]:
    logs = {path.stem: path for path in entries(store.state / "logs")}
    idle = {key: path for key, path in logs.items() if key not in used and store.locks.is_free(key)}
    if idle:
        yield Item(f".carryover/logs: {len(idle)} of {len(logs)}", "logs of no stored run", tuple(idle.items()))
