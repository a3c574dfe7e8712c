"""Two inference methods carried to a body, and variants of one: every stage once, a table of bodies and one of toys."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.place import ROOT, Place
from flows.services import down
from stages.plan import nodes
from stages.store import Store
from stages.sweep_plan import MethodsSettings
from tests.benchmarks.conftest import bring_up
from tests.benchmarks.table import Recorder

_WORDS = ("compare-methods", "--bodies", "cheetah", "--route", "reuse", "--seeds", "1", "--profile", "tiny")
_ASKED = MethodsSettings(bodies=("cheetah",), route="reuse", methods=("gaussian", "tigr"), seeds=1, profile="tiny")


@pytest.fixture
def store(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """An empty one, and Prefect up with it."""
    monkeypatch.setenv("CARRYOVER_ROOT", str(tmp_path))
    bring_up(place)
    yield Store(tmp_path)
    down(place)


def test_methods_on_a_body(store: Store, record: Recorder) -> None:
    shown = _shown(*_WORDS, "--methods", "gaussian", "tigr")
    computed = [line.split()[0] for line in shown.splitlines() if " computing" in line]
    every = {f"{n}{ending}" for ending, point in _ASKED.points.items() for n in nodes(point.settings, point.node)}
    twice = {name for name in every if name.startswith("low_level")}
    record.at_most("low levels computed for two methods", 1, len(twice & {*computed}))
    wrong = sorted({*computed} - twice ^ {*(every - twice), "sweep", "toy_comparison"})
    record.at_most("other stages not computed once", 0, len(wrong), note=", ".join(wrong))
    stored = {name: store.latest(name) for name in ("sweep", "toy_comparison")}
    assert stored["sweep"] and stored["toy_comparison"]
    rows = stored["sweep"].artifact.json("sweep.json")["rows"]
    record.at_least("methods in the table of bodies", 2, len({r["method"] for r in rows if r["control"] == "agent"}))
    record.at_least("tables and training time shown", 3, sum(w in shown for w in ("sweep.md", "toys.md", "training")))


def test_variants_of_one(store: Store, record: Recorder) -> None:
    _shown(*_WORDS, "--methods", "gaussian", "--ablation", "robustness", "--toys-only")
    stored = store.latest("toy_comparison")
    assert stored
    names = [row["method"] for row in stored.artifact.json("toys.json")["rows"]]
    record.at_least("variants in the table", 6, len(set(names)), note=", ".join(names))


def _shown(*words: str) -> str:
    command = [sys.executable, "-m", "flows.run", *words]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
