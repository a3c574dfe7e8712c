"""What ``make run`` shows: a line per stage while it works, and the result table at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn
from rich.table import Table

from flows.progress import Line

_SHOWN_METRICS = 2


class Screen:
    """One line per stage: bar, share done, time left, latest metric. Without a terminal, a line per change."""

    def __init__(self, console: Console, names: Sequence[str]) -> None:
        self._console = console
        self._bars = Progress(
            TextColumn("{task.description:<22}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TextColumn("{task.fields[eta]:>8}"),
            TextColumn("{task.fields[note]}"),
            console=console,
            auto_refresh=console.is_terminal,
            refresh_per_second=4,
        )
        self._ids: dict[str, TaskID] = {name: self._bars.add_task(name, total=1.0, eta="", note="") for name in names}

    def __enter__(self) -> Screen:
        if self._console.is_terminal:
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._bars.stop()

    def show(self, line: Line) -> None:
        """Bring the line of a stage up to date."""
        name = f"{line['stage']}_{line['route']}" if line["route"] else line["stage"]
        note, eta = _note(line), _duration(line["eta"])
        if name in self._ids:
            self._bars.update(self._ids[name], completed=line["fraction"], eta=eta, note=note)
        if not self._console.is_terminal and line["kind"] != "progress":
            self._console.print(f"{name:<22} {note}", highlight=False, markup=False)


def _note(line: Line) -> str:
    metrics = ", ".join(f"{name} {value:.4g}" for name, value in list(line["metrics"].items())[:_SHOWN_METRICS])
    words = {"hit": "stored", "miss": "computing", "waiting": "waiting for another process"}.get(line["kind"], "")
    return ", ".join(part for part in (words, line["note"], metrics) if part) or line["kind"]


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d} left" if minutes else f"{rest} s left"


def result_table(rows: Sequence[dict[str, Any]]) -> Table:
    """Rows of the result as a table; errors are |coordinate - target| / |target| once settled."""
    table = Table(title="Result on the reference tasks", title_justify="left", box=SIMPLE_HEAD)
    for heading in rows[0]:
        table.add_column(heading, justify="left" if heading in ("route", "control") else "right", no_wrap=True)
    for row in rows:
        cells = [_number(value) if isinstance(value, float) else str(value).replace("_", " ") for value in row.values()]
        table.add_row(*cells, style="bold" if row["control"] == "agent" else None)
    return table


def _number(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
