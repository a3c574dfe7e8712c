"""Two bodies by two seeds on Dask: two workers against one, and the bytes against those of a plain sequential run."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from flows.place import ROOT, Place, call
from stages.runner import materialise
from stages.store import Store
from stages.sweep_plan import SweepSettings
from tests.benchmarks.conftest import bring_up
from tests.benchmarks.table import Recorder

_ASKED = SweepSettings(bodies=("cheetah", "hopper"), route="reuse", seeds=2, profile="tiny", workers="dask")
_WORDS = ("sweep", "--bodies", *_ASKED.bodies, "--route", "reuse", "--seeds", "2", "--profile", "tiny")
_RATIO = 1.6

#: sha256 by stage, body, route and seed.
Digests = dict[tuple[str, ...], str]


def test_two_dask_workers_against_one(
    place: Place, tmp_path: Path, record: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds: dict[int, float] = {}
    made: dict[int, Digests] = {}
    for many in (1, 2):
        monkeypatch.setenv("CARRYOVER_ROOT", str(tmp_path / str(many)))
        (tmp_path / str(many)).mkdir()
        bring_up(place)
        words = ["-m", "flows.run", *_WORDS, "--workers", "dask", "--at-once", str(many)]
        subprocess.run([sys.executable, *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        seconds[many], made[many] = _computing(place), _digests(Store())
        subprocess.run([sys.executable, "-m", "flows.services", "down"], cwd=ROOT, check=True)
    plain = Store(tmp_path / "plain")
    for point in _ASKED.points.values():
        materialise(point.node, point.settings, lambda _: None, plain)
    expected = _digests(plain)
    differing = [" ".join(key) for digests in made.values() for key in expected if digests.get(key) != expected[key]]
    load = f"{seconds[1]:.0f} s against {seconds[2]:.0f} s; load {os.getloadavg()[1]:.1f} on {os.cpu_count()} cores"
    record.at_least("sweep, two Dask workers against one", _RATIO, seconds[1] / seconds[2], "times", load)
    what = f"sweep, stages of {len(expected)} that give other bytes than one after another"
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
