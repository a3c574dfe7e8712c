"""What a user waits for: the commands as typed, with a Prefect of their own beside the user's."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from flows.place import ROOT, Place
from flows.services import down, running
from stages import child
from stages.plan import STAGES, Node, Settings, nodes
from stages.runner import materialise
from stages.store import Store
from tests.benchmarks.conftest import PROFILE, Runs, bring_up
from tests.benchmarks.table import Recorder

_REPEATS = 3
_MINUTES = 60.0
_SIDE_BY_SIDE = (("toy_inference", "low_level"), ("striding", "high_level"), ("evaluation",), ("plots",))
_MAKE_RUN = ("make", "--no-print-directory", "run", f"PROFILE={PROFILE}")
_PREFECT_RUN = (
    str(Path(sys.executable).with_name("prefect")),
    *("deployment", "run", "transfer/cheetah", "--watch"),
    *(("-p", f"profile={PROFILE}") if PROFILE != "full" else ()),
)


@pytest.fixture(scope="module")
def cached(runs: Runs, place: Place) -> Place:
    """The place, with every stage of a transfer in the store."""
    runs(Node("plots"))
    return place


def test_make_run_again(cached: Place, settings: Settings, record: Recorder) -> None:
    before = _finished_runs()
    seconds = []
    for _ in range(_REPEATS):
        took, shown = _timed(_MAKE_RUN)
        seconds.append(took)
        assert "computing" not in shown
        assert all(f"{node!s:<22} stored" in shown for node in nodes(settings))
        assert running(cached) == frozenset()
    record.at_most("make run again, all cached", 15.0, median(seconds), "s", _spread(seconds))
    record.at_most("make run again, stages computed", 0, _finished_runs() - before)


def test_prefect_run_with_nothing_up(cached: Place, record: Recorder) -> None:
    seconds = []
    for _ in range(_REPEATS):
        seconds.append(_completed())
        down(cached)
    record.at_most("prefect deployment run --watch, cached, nothing up", 40.0, median(seconds), "s", _spread(seconds))


def test_prefect_run_with_the_server_up(cached: Place, record: Recorder) -> None:
    bring_up(cached)
    seconds = [_completed() for _ in range(_REPEATS)]
    down(cached)
    record.at_most("prefect deployment run --watch, cached, server up", 15.0, median(seconds), "s", _spread(seconds))


def test_make_run_cold(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings, record: Recorder
) -> None:
    record.command = f"CARRYOVER_BENCH_COLD=1 {record.command}"
    if os.environ.get("CARRYOVER_BENCH_COLD") != "1":
        record.left_out("make run, cold, packages installed", "≤ 20 min", "only on request")
        return
    monkeypatch.setenv("CARRYOVER_ROOT", str(tmp_path))
    took, shown = _timed(_MAKE_RUN)
    assert all(f"{node!s:<22} computing" in shown for node in nodes(settings))
    record.at_most("make run, cold, packages installed", 20.0, took / _MINUTES, "min", f"{os.cpu_count()} cores")


def test_overhead(
    cached: Place, runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings, record: Recorder
) -> None:
    """What is not spent in the stages' own processes: in the store, on tiny stages; in the flow, with all cached."""
    working: list[float] = []
    monkeypatch.setattr(child.Child, "reports", _timed_reports(child.Child.reports, working))
    tiny = Settings(profile="tiny", route="reuse")
    began = time.perf_counter()
    for node in nodes(tiny):
        materialise(node, tiny, lambda _: None, Store(tmp_path))
    in_store = time.perf_counter() - began - sum(working)
    in_flow, _ = _timed(_MAKE_RUN)
    stages = {node: runs(node).seconds for node in nodes(settings)}
    # Two at a time: toy beside low level, route beside route.
    cold = sum(max(stages[node] for node in stages if node.stage in side) for side in _SIDE_BY_SIDE)
    note = f"store {in_store:.1f} s of {len(working)} stages, flow {in_flow:.1f} s, stages {cold:.0f} s"
    record.at_most("overhead of store and flow on a cold run", 2.0, 100 * (in_store + in_flow) / cold, "%", note)


def _timed_reports(
    reports: Callable[[child.Child], Iterator[Any]], seconds: list[float]
) -> Callable[[child.Child], Iterator[Any]]:
    def timed(self: child.Child) -> Iterator[Any]:
        began = time.perf_counter()
        yield from reports(self)
        seconds.append(time.perf_counter() - began)

    return timed


def _completed() -> float:
    took, shown = _timed(_PREFECT_RUN)
    assert "Completed" in shown
    return took


def _timed(command: tuple[str, ...]) -> tuple[float, str]:
    """Seconds that a command takes in the project's folder, and what it prints."""
    # A `make bench` around this is not to hand its options on.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    began = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    took = time.perf_counter() - began
    assert done.returncode == 0, done.stdout + done.stderr
    return took, done.stdout


def _finished_runs() -> int:
    database = Store().database
    return sum(len(database.runs("FINISHED", "stage", stage)) for stage in STAGES)


def _spread(seconds: list[float]) -> str:
    return f"median of {', '.join(f'{value:.1f}' for value in seconds)}"
