"""What ``make run`` shows: a line per stage while it works, and the result table at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn
from rich.table import Table

from flows.progress import Line, clock, left, said

#: Without a terminal, seconds between two lines of a stage under way, at least.
_PAUSE = 2.5
#: Kinds of lines after which nothing is to come of a stage.
_ENDS = ("hit", "done")
#: Lines of a terminal that are left to others.
_AROUND = 6
#: Of the names, at least.
_WIDTH = 22


class Screen:
    """One line per stage: bar, share done, time taken and left, latest metric.

    Where they do not all fit, those under way have one, and the others pass by above. Without a terminal, a line
    whenever something changes, and every few seconds of what is under way.
    """

    def __init__(self, console: Console, names: Sequence[str]) -> None:
        self._console = console
        self._width = max(_WIDTH, *map(len, names))
        self._bars = Progress(
            TextColumn(f"{{task.description:<{self._width}}}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TextColumn("{task.fields[seconds]:>5}"),
            TextColumn("{task.fields[left]:>10}"),
            TextColumn("{task.fields[note]}"),
            console=console,
            auto_refresh=console.is_terminal,
            refresh_per_second=4,
        )
        self._crowded = console.is_terminal and len(names) > console.height - _AROUND
        self._ids: dict[str, TaskID] = {
            name: self._bars.add_task(name, total=1.0, visible=not self._crowded, seconds="", left="", note="waiting")
            for name in names
        }
        self._printed: dict[str, float] = {}

    def __enter__(self) -> Screen:
        if self._console.is_terminal:
            self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._bars.stop()

    def show(self, line: Line) -> None:
        """Bring the line of a stage up to date."""
        name, took = line["name"], clock(line["seconds"]) if line["seconds"] else ""
        if name in self._ids:
            there = not self._crowded or line["kind"] not in _ENDS
            share, rest = line["fraction"], left(line)
            self._bars.update(self._ids[name], completed=share, visible=there, seconds=took, left=rest, note=said(line))
        if self._is_due(line):
            self._printed[name] = line["time"]
            words = [f"{line['fraction']:.0%}", took, left(line)] if line["kind"] == "progress" else []
            shown = ", ".join(filter(None, [*words, said(line)]))
            self._console.print(f"{name:<{self._width}} {shown}", highlight=False, markup=False, soft_wrap=True)

    def _is_due(self, line: Line) -> bool:
        """Whether a line is to be printed that stays."""
        if self._console.is_terminal:
            return self._crowded and line["kind"] in _ENDS
        if line["kind"] == "progress":
            return line["time"] - self._printed.get(line["name"], 0.0) >= _PAUSE
        return line["kind"] != "look"


#: Columns of words; the others hold numbers.
_WORDS = ("body", "route", "control", "space", "method")
#: Columns that a terminal has no room for.
_PAGE_ONLY = (
    *("goal median", "velocity median", "stride", "time", "toy"),
    *("after exploring", "R2", "calibration error", "within 90 %", "regret D'", "regret D''", "NMI", "parameters"),
)


def result_table(rows: Sequence[dict[str, Any]], title: str) -> Table:
    """Rows of a result as a table; errors are |coordinate - target| / |target| once settled."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    headings = [heading for heading in rows[0] if heading not in _PAGE_ONLY]
    for heading in headings:
        table.add_column(heading, justify="left" if heading in _WORDS else "right")
    for row in rows:
        table.add_row(
            *(_cell(row[heading]) for heading in headings), style="bold" if row.get("control") == "agent" else None
        )
    return table


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value).replace("_", " ")
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
