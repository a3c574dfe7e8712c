"""What ``make run`` shows."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from rich.console import Console

from flows.progress import ProgressReader, write_line
from flows.screen import Screen, result_table
from stages.comparison_table import shown


def _line(**changes: Any) -> dict[str, Any]:
    line = {"name": "low_level", "kind": "progress", "fraction": 0.5, "eta": 75.0, "seconds": 60.0, "time": 100.0}
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
        screen.show(_line(name="evaluation_reuse", kind="hit", fraction=1.0, eta=None, metrics={}))
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    for words in ("low_level", "50%", "1:15 left", "goal_error 0.25", "evaluation_reuse", "stored"):
        assert words in shown


def test_where_not_all_fit_those_under_way_are_shown() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=120, height=20)
    names = [f"low_level_seed{seed}" for seed in range(30)]
    with Screen(console, names) as screen:
        screen.show(_line(name=names[0]))
        screen.show(_line(name=names[1]))
        screen.show(_line(name=names[0], kind="done", fraction=1.0, eta=None, metrics={}))
    assert isinstance(console.file, io.StringIO)
    shown = console.file.getvalue()
    assert names[2] not in shown
    assert "done" in shown and names[0] not in shown.split("done")[-1] and names[1] in shown.split("done")[-1]


def test_without_a_terminal_changes_are_printed_and_every_few_seconds_how_it_goes() -> None:
    console = Console(file=io.StringIO(), width=120)
    with Screen(console, ["low_level"]) as screen:
        screen.show(_line(kind="look", metrics={}))
        screen.show(_line(kind="miss", metrics={}, note="steps differs"))
        for second in range(101, 106):
            screen.show(_line(time=float(second), seconds=second - 100.0, note="starting", metrics={}, eta=None))
        screen.show(_line(time=108.0, seconds=8.0))
    assert isinstance(console.file, io.StringIO)
    assert [" ".join(line.split()) for line in console.file.getvalue().splitlines()] == [
        "low_level computing, steps differs",
        "low_level 50%, 0:03, starting",
        "low_level 50%, 0:08, 1:15 left, goal_error 0.25",
    ]


def test_the_result_table_has_a_row_per_route_and_control() -> None:
    console = Console(file=io.StringIO(), width=120)
    console.print(result_table([{"route": "reuse", "control": "no_inference", "goal": 0.5, "return": -7.25}], "Result"))
    assert isinstance(console.file, io.StringIO)
    assert "no inference" in console.file.getvalue() and "-7.250" in console.file.getvalue()


def test_a_comparison_keeps_to_what_a_terminal_has_room_for() -> None:
    row = {"goal_settled": 0.1, "velocity_settled": 0.2, "success": 0.9, "fall_rate": 0.1, "return": -7.5}
    row |= {"mean_stride": 8.0, "seconds": 40.0, "body": "hopper", "route": "reuse", "control": "random_encoder"}
    row |= {"toy_inference": "0123456789abcdef"}
    row |= {f"{kind}_settled_{of}": 0.05 for kind in ("goal", "velocity") for of in ("low", "high", "median")}
    console = Console(file=io.StringIO(), width=120)
    console.print(result_table([shown(row)], "Result"))
    assert isinstance(console.file, io.StringIO)
    head, line = (line for line in console.file.getvalue().splitlines() if line.startswith(("  body", "  hopper")))
    assert head.split() == ["body", "route", "control", "goal", "velocity", "success", "falls", "return"]
    assert "0.100 [0.050, 0.050]" in line and "10%" in line and "-7.5" in line


def test_names_longer_than_usual_stay_in_line() -> None:
    console = Console(file=io.StringIO(), width=120)
    with Screen(console, ["low_level_cheetah", "evaluation_cheetah_retrain"]) as screen:
        screen.show(_line(name="low_level_cheetah", kind="hit", metrics={}))
        screen.show(_line(name="evaluation_cheetah_retrain", kind="hit", metrics={}))
    assert isinstance(console.file, io.StringIO)
    assert len({line.index("stored") for line in console.file.getvalue().splitlines()}) == 1
