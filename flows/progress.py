"""What a flow run says while it works: lines of JSON that ``make run`` reads back.

A file is quicker than the API and survives its reader: ``.carryover/progress/<flow run id>.jsonl`` below the
store's root.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stages.store import default_root

Line = dict[str, Any]


def progress_path(flow_run_id: str) -> Path:
    """Where a flow run writes its lines."""
    return default_root() / ".carryover" / "progress" / f"{flow_run_id}.jsonl"


def write_line(path: Path, line: Line) -> None:
    """Append one line. Tasks side by side may: one small write in append mode is never torn."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")


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
