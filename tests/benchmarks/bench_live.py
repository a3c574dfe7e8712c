"""How soon and how often each stage of a run is heard of: on a terminal, through a pipe, in Prefect's page, in MLflow.

Every stage is computed: at the tiny profile as ``make run`` does, and longer through the API.
"""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from flows.place import ROOT, Place, call
from flows.progress import ProgressReader, progress_path
from flows.services import wait_for_deployment
from stages.plan import Settings, nodes
from stages.store import Store
from tests.benchmarks.conftest import bring_up
from tests.benchmarks.table import Recorder

_BAR = 5.0
_POLL = 0.25
_NAMES = [str(node) for node in nodes(Settings())]
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
#: Minutes of every stage, enough to see what it says while it works.
_LONGER = {
    "toy_inference": {"updates": 400},
    "low_level": {"steps": 200_000},
    "striding": {"rounds": 38},
    "high_level": {"updates": 10},
    "evaluation": {"seeds": 2, "random_tasks": 10},
}

#: When something new was told of a stage, s since the epoch, by the stage's name.
Times = dict[str, list[float]]


class Watch:
    """Notes when what is told of a stage changes."""

    def __init__(self) -> None:
        self.times: Times = {name: [] for name in _NAMES}
        self._last: dict[str, str] = {}

    def see(self, name: str, words: str, when: float | None = None) -> None:
        """What is told now."""
        if name in self.times and self._last.get(name) != words:
            self._last[name] = words
            self.times[name].append(time.time() if when is None else when)


@pytest.fixture
def empty(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """An empty store, and Prefect up with it."""
    monkeypatch.setenv("CARRYOVER_ROOT", str(tmp_path))
    bring_up(place)
    yield Store(tmp_path)
    subprocess.run([sys.executable, "-m", "flows.services", "down"], cwd=ROOT, check=True)


@pytest.mark.parametrize("way", ["terminal", "pipe"])
def test_make_run(empty: Store, place: Place, record: Recorder, way: str) -> None:
    page = Watch()
    with _polling(lambda: _see_page(place, page)):
        told = _watched([sys.executable, "-m", "flows.run", "--profile", "tiny"], way == "terminal")
    starts = _starts(place)
    _record(record, f"live, {way}", starts, told.times)
    if way == "terminal":
        _record(record, "live, Prefect's page", starts, page.times)


def test_stages_that_take_longer(empty: Store, place: Place, record: Recorder) -> None:
    """By the lines that a run leaves for whoever shows it, and by MLflow."""
    served = wait_for_deployment(place, "transfer/cheetah")
    body = {"parameters": {"overrides": _LONGER}, "state": {"type": "SCHEDULED"}}
    flow_run = call(place, "POST", f"/deployments/{served['id']}/create_flow_run", body)["id"]
    watch, running = Watch(), set[str]()
    with _polling(lambda: running.update(_seen_in_mlflow(empty))):
        while call(place, "GET", f"/flow_runs/{flow_run}")["state"]["type"] not in ("COMPLETED", "FAILED", "CRASHED"):
            time.sleep(1.0)
    for line in ProgressReader(progress_path(flow_run)).new_lines():
        if line["kind"] not in ("result", "input"):
            watch.see(line["name"], json.dumps(line), line["time"])
    _record(record, "live, longer stages", _starts(place), watch.times)
    missing = ", ".join(sorted({*_NAMES} - running))
    record.at_least("live, stages in MLflow while they work", len(_NAMES), len(running), note=missing)


def _record(record: Recorder, what: str, starts: Mapping[str, float], times: Times) -> None:
    """The longest time without news, from the start of a stage to its end."""
    for name in _NAMES:
        first, moments = starts[name], [starts[name], *(when for when in times[name] if when > starts[name])]
        gaps = [after - before for before, after in zip(moments, [*moments[1:], moments[-1]], strict=True)]
        note = f"first after {gaps[0]:.2g} s, {len(gaps) - 1} updates in {moments[-1] - first:.0f} s"
        longest = max(gaps) if len(moments) > 1 else float("nan")
        record.at_most(f"{what}, {name}, longest time without news", _BAR, longest, "s", note)


def _watched(command: list[str], terminal: bool) -> Watch:
    """Run a command to its end; when its output said something new of a stage."""
    ours, theirs = pty.openpty() if terminal else os.pipe()
    watch, rest = Watch(), b""
    size = {"COLUMNS": "160", "LINES": "50"}
    process = subprocess.Popen(command, cwd=ROOT, stdout=theirs, stderr=subprocess.DEVNULL, env=os.environ | size)
    os.close(theirs)
    for piece in _pieces(ours):
        *lines, rest = re.split(rb"[\r\n]+", rest + piece)
        for line in lines:
            name, *words = _CONTROL.sub("", line.decode(errors="replace")).split() or [""]
            watch.see(name, " ".join(words))
    os.close(ours)
    assert process.wait() == 0
    return watch


def _pieces(descriptor: int) -> Iterator[bytes]:
    while True:
        try:
            piece = os.read(descriptor, 65536)
        except OSError:  # a terminal whose other side is closed
            return
        if not piece:
            return
        yield piece


@contextmanager
def _polling(look: Callable[[], object]) -> Iterator[None]:
    over = threading.Event()

    def work() -> None:
        while not over.wait(_POLL):
            look()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _see_page(place: Place, watch: Watch) -> None:
    filters = {"artifacts": {"type": {"any_": ["progress"]}}, "limit": 200, "sort": "CREATED_DESC"}
    newest: dict[str, Any] = {}
    for artifact in call(place, "POST", "/artifacts/filter", filters):
        newest.setdefault(artifact["key"].replace("-", "_"), artifact)
    for name, artifact in newest.items():
        watch.see(name, f"{artifact['data']} {artifact['description']}")


def _seen_in_mlflow(store: Store) -> set[str]:
    """Stages whose metrics MLflow's client reads before they have ended."""
    if not store.database.path.exists() or not store.database.homes():
        return set()
    found = store.client.search_runs([store.experiment], "attributes.status = 'RUNNING'")
    tags = [run.data.tags for run in found if run.data.metrics]
    return {"_".join(filter(None, [own["stage"], own.get("route")])) for own in tags}


def _starts(place: Place) -> dict[str, float]:
    """When the tasks of the last flow run began, s since the epoch."""
    last = call(place, "POST", "/flow_runs/filter", {"limit": 1, "sort": "START_TIME_DESC"})[0]["id"]
    filters = {"flow_runs": {"id": {"any_": [last]}}, "limit": 200}
    began: dict[str, list[float]] = {}
    for run in call(place, "POST", "/task_runs/filter", filters):
        began.setdefault(run["name"].rpartition("-")[0], []).append(_seconds(run["start_time"]))
    # Two of one stage are asked for in the order of their routes, and begin in it.
    by_stage = {stage: iter(sorted(starts)) for stage, starts in began.items()}
    return {str(node): next(by_stage[node.stage]) for node in nodes(Settings())}


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
