"""What a flow run says while it works: lines of JSON that ``make run`` reads back.

A file is quicker than the API and survives its reader: ``.carryover/progress/<flow run id>.jsonl`` below the
store's root.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stages.course import Event
from stages.store import default_root

Line = dict[str, Any]
_SHOWN_METRICS = 2
_ELSE = {"done": "done", "waiting": "waiting"}
_WORDS = {"look": "looking in the store", "hit": "stored", "miss": "computing"}


def progress_path(flow_run_id: str) -> Path:
    """Where a flow run writes its lines."""
    return default_root() / ".carryover" / "progress" / f"{flow_run_id}.jsonl"


def write_line(path: Path, line: Line) -> None:
    """Append one line. Tasks side by side may: one small write in append mode is never torn."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")


def line_of(event: Event, name: str, kind: str) -> Line:
    """An event of a stage as a line."""
    return {
        "name": name,
        "kind": kind,
        "time": time.time(),
        "fraction": event.fraction,
        "eta": event.eta,
        "seconds": event.seconds,
        "metrics": event.metrics,
        "note": event.note,
    }


def said(line: Line) -> str:
    """What a line tells beside share done and time: its note, and the latest metrics."""
    metrics = ", ".join(f"{name} {value:.4g}" for name, value in list(line["metrics"].items())[:_SHOWN_METRICS])
    words = _WORDS.get(line["kind"], "")
    return ", ".join(part for part in (words, line["note"], metrics) if part) or _ELSE.get(line["kind"], "")


def left(line: Line) -> str:
    """The time left, in words; empty while it is not known."""
    return "" if line["eta"] is None else f"{clock(line['eta'])} left"


def clock(seconds: float) -> str:
    """Minutes and seconds: 1:05."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


class ProgressReader:
    """Reads the lines of a flow run as they arrive."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def new_lines(self) -> Iterator[Line]:
        """Whole lines written since the last call; none while the file is not there."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._offset)
            for text in file:
                if not text.endswith(b"\n"):
                    return
                self._offset += len(text)
                yield json.loads(text)
