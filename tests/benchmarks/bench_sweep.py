"""Two bodies by two seeds on Dask: two workers against one, and the bytes against those of a plain sequential run.

On workers of this machine, and on those of a cluster that is given by its address.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from flows.place import ROOT, Place, call
from stages.runner import materialise
from stages.store import Store
from stages.sweep_plan import SweepSettings
from tests.benchmarks.conftest import bring_up
from tests.benchmarks.table import Recorder
from tests.flows.conftest import free_port

_ASKED = SweepSettings(bodies=("cheetah", "hopper"), route="reuse", seeds=2, profile="tiny", workers="dask")
_WORDS = ("sweep", "--bodies", *_ASKED.bodies, "--route", "reuse", "--seeds", "2", "--profile", "tiny")
_RATIO = 1.6

#: sha256 by stage, body, route and seed.
Digests = dict[tuple[str, ...], str]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Digests:
    """Of a plain run, one stage after another."""
    store = Store(tmp_path_factory.mktemp("plain"))
    for point in _ASKED.points.values():
        materialise(point.node, point.settings, lambda _: None, store)
    return _digests(store)


def test_two_dask_workers_against_one(
    place: Place, tmp_path: Path, expected: Digests, record: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds: dict[int, float] = {}
    for many in (1, 2):
        with _prefect(place, tmp_path / str(many), monkeypatch):
            _run("-m", "flows.run", *_WORDS, "--workers", "dask", "--at-once", str(many))
            seconds[many] = _computing(place)
        _compare(record, f"sweep, {many} at a time", expected)
    load = f"{seconds[1]:.0f} s against {seconds[2]:.0f} s; load {os.getloadavg()[1]:.1f} on {os.cpu_count()} cores"
    record.at_least("sweep, two Dask workers against one", _RATIO, seconds[1] / seconds[2], "times", load)


def test_a_cluster_by_its_address(
    place: Place, tmp_path: Path, expected: Digests, record: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _prefect(place, tmp_path / "cluster", monkeypatch), _cluster(place) as address:
        _run("-m", "flows.run", *_WORDS, "--workers", f"dask={address}")
    _compare(record, "sweep, a cluster by its address", expected)


@contextmanager
def _prefect(place: Place, root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Up, with an empty store."""
    root.mkdir()
    monkeypatch.setenv("CARRYOVER_ROOT", str(root))
    bring_up(place)
    yield
    _run("-m", "flows.services", "down")


@contextmanager
def _cluster(place: Place) -> Iterator[str]:
    """Address of a scheduler with two workers, each a process, which know where Prefect and the store are."""
    dask, address = [sys.executable, "-m", "dask"], f"tcp://127.0.0.1:{free_port()}"
    serving = [*dask, "scheduler", "--host", address, "--no-dashboard"]
    working = [*dask, "worker", address, "--nthreads", "1", "--no-dashboard", "--local-directory", str(place.home)]
    with ExitStack() as all_of_them:
        for command in (serving, working, working):
            process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
            all_of_them.enter_context(process)
            all_of_them.callback(process.terminate)
        yield address


def _run(*words: str) -> None:
    subprocess.run([sys.executable, *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def _compare(record: Recorder, what: str, expected: Digests) -> None:
    made = _digests(Store())
    differing = [" ".join(key) for key in expected if made.get(key) != expected[key]]
    what += f", stages of {len(expected)} that give other bytes than one after another"
    record.at_most(what, 0, len(differing), note=", ".join(differing))


def _computing(place: Place) -> float:
    """From the start of the first task of the last flow run to the end of its last one, s."""
    last = call(place, "POST", "/flow_runs/filter", {"limit": 1, "sort": "START_TIME_DESC"})[0]["id"]
    runs = call(place, "POST", "/task_runs/filter", {"flow_runs": {"id": {"any_": [last]}}, "limit": 200})
    return max(_seconds(run["end_time"]) for run in runs) - min(_seconds(run["start_time"]) for run in runs)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def _digests(store: Store) -> Digests:
    """Of everything that a point needs; the table over all points is another stage's."""
    records = [record for record in store.database.every() if record.is_sound and record.tags["stage"] != "sweep"]
    named = ("stage", "body", "route", "seed")
    return {tuple(record.tags.get(name, "") for name in named): record.tags["digest"] for record in records}
