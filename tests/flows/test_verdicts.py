"""The verdicts of a flow run, from what its stages told."""

from __future__ import annotations

from flows.progress import Line
from flows.verdicts import rows


def _line(name: str, kind: str, note: str = "") -> Line:
    return {"name": name, "kind": kind, "note": note}


def test_a_row_per_stage() -> None:
    lines = [
        _line("toy_inference", "hit"),
        _line("low_level", "miss", "steps 3 -> 4"),
        _line("low_level", "progress"),
        _line("low_level", "done", "low-level-cheetah version 2"),
        _line("toy_inference", "input"),
        _line("striding", "waiting", "another process computes it"),
        _line("striding", "hit"),
        _line("high_level", "miss", "input low_level changed"),
        {"kind": "result", "rows": [], "report": None},
    ]
    assert [tuple(row.values()) for row in rows(lines)] == [
        ("toy_inference", "stored", ""),
        ("low_level", "computed", "steps 3 -> 4; low-level-cheetah version 2"),
        ("striding", "stored", "another process computes it"),
        ("high_level", "failed", "input low_level changed"),
    ]
