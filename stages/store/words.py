"""Runs, sizes and times as words, for the commands of the store."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from stages.store.database import Record

#: Seconds.
DAY = 86400
_TIMES = (("d", DAY), ("h", 3600), ("min", 60))
_SIZES = (("GB", 10**9), ("MB", 10**6), ("kB", 10**3))


def whose(record: Record) -> str:
    """Body, route and method of a run, where it has them and they are not the usual; of a toy its space."""
    config = record.parts.get("config", {})
    told = [record.tags.get("body") or config.get("space"), record.tags.get("route"), record.tags.get("method")]
    return "/".join([*filter(None, told), *(["all"] if config.get("tasks") == "all" else [])])


def named(record: Record) -> str:
    """A run in a few words."""
    parts = ["run", record.run_id[:8], record.tags["stage"], whose(record), f"seed {record.tags.get('seed', '-')}"]
    return " ".join(filter(None, parts))


def seconds_since(then: float) -> float:
    """From ``then``, seconds since the epoch, until now; 0 if a clock was wrong."""
    return max(0.0, time.time() - then)


def age(then: float) -> str:
    """Time since ``then``, seconds since the epoch."""
    seconds = seconds_since(then)
    return next((f"{seconds / many:.0f} {unit}" for unit, many in _TIMES if seconds >= many), f"{seconds:.0f} s")


def size(count: int) -> str:
    """Bytes in a unit that suits."""
    return next((f"{count / many:.1f} {unit}" for unit, many in _SIZES if count >= many), f"{count} B")


def weight(path: Path) -> int:
    """Bytes in a file or in all files of a folder; 0 if it is gone."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files if file.is_file())


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines, columns aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{word:<{n}}" for word, n in zip(row, widths, strict=True)).rstrip() for row in rows]
