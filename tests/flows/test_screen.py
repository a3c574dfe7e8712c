"""What ``make run`` shows."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from rich.console import Console

from flows.progress import ProgressReader, write_line
from flows.screen import Screen, result_table


def _line(**changes: Any) -> dict[str, Any]:
    line = {"stage": "low_level", "route": None, "kind": "progress", "fraction": 0.5, "eta": 75.0}
    return line | {"metrics": {"goal_error": 0.25}, "note": ""} | changes


def test_lines_are_read_once_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "run.jsonl"
    reader = ProgressReader(path)
    assert list(reader.new_lines()) == []
    write_line(path, {"a": 1})
    assert list(reader.new_lines()) == [{"a": 1}]
    with path.open("a") as file:
        file.write(json.dumps({"a": 2})[:3])
        file.flush()
        assert list(reader.new_lines()) == []
        file.write(json.dumps({"a": 2})[3:] + "\n")
    assert list(reader.new_lines()) == [{"a": 2}]


def test_a_terminal_shows_a_bar_per_stage() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    with Screen(console, ["low_level", "evaluation_reuse"]) as screen:
        screen.show(_line())
        screen.show(_line(stage="evaluation", route="reuse", kind="hit", fraction=1.0, eta=None, metrics={}))
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    for words in ("low_level", "50%", "1:15 left", "goal_error 0.25", "evaluation_reuse", "stored"):
        assert words in shown


def test_without_a_terminal_only_changes_are_printed() -> None:
    console = Console(file=io.StringIO(), width=120)
    with Screen(console, ["low_level"]) as screen:
        screen.show(_line(kind="miss", metrics={}, note="steps differs"))
        screen.show(_line())
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().split() == ["low_level", "computing,", "steps", "differs"]


def test_the_result_table_has_a_row_per_route_and_control() -> None:
    console = Console(file=io.StringIO(), width=120)
    console.print(result_table([{"route": "reuse", "control": "no_inference", "goal": 0.5, "return": -7.25}]))
    assert isinstance(console.file, io.StringIO)
    assert "no inference" in console.file.getvalue() and "-7.250" in console.file.getvalue()
