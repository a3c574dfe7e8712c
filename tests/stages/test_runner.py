"""Nodes are computed once, again when something they depend on changed, and otherwise never."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import pytest

from envs.errors import UserError
from stages.child import StageFailedError
from stages.plan import Node, Settings
from stages.runner import Event, bring_up, materialise
from stages.store import Store, StoredRun

LOW_LEVEL, STRIDING = Node("low_level"), Node("striding")


def _settings(**low_level: object) -> Settings:
    return Settings(overrides={"low_level": low_level})


def _run(
    store: Store, node: Node = LOW_LEVEL, settings: Settings | None = None, force: bool = False
) -> tuple[StoredRun, list[Event]]:
    events: list[Event] = []
    return materialise(node, settings or Settings(), events.append, store, force), events


def _kinds(events: list[Event]) -> list[str]:
    """Each kind once where it follows itself: how often a stage gives a sign of life is left to the clock."""
    return [kind for kind, _ in groupby(event.kind for event in events)]


def _computed(events: list[Event]) -> list[str]:
    return [str(event.node) for event in events if event.kind == "miss"]


def test_miss_then_hit(store: Store, project: Path) -> None:
    first, events = _run(store, settings=_settings(pause=0.25))
    assert _kinds(events) == ["miss", "progress", "done"]
    assert events[0].note == "no low_level is stored yet"
    fractions = [event.fraction for event in events]
    assert fractions == sorted(fractions) and {1 / 3, 2 / 3, 0.99} < {*fractions}
    reports = [event for event in events if event.kind == "progress" and event.metrics]
    assert reports[0].eta is None and any((event.eta or 0) > 0.1 for event in reports)
    assert reports[0].metrics == {"loss": 1.0} and events[-1].metrics == {"loss": 0.5, "resumed": 0.0}
    second, events = _run(Store(store.root), settings=_settings(pause=0.25))
    assert _kinds(events) == ["hit"]
    assert (second.run_id, second.hit, second.metrics) == (first.run_id, True, first.metrics)
    assert second.artifact.json("data.json") == [1, 0, 3, {}]


def test_parents_are_computed_and_recorded(store: Store, project: Path) -> None:
    run, events = _run(store, STRIDING)
    assert _computed(events) == ["toy_inference", "low_level", "striding"]
    tags = store.client.get_run(run.run_id).data.tags
    came_from = json.loads(tags["parents"])
    assert set(came_from) == {"toy_inference", "low_level"}
    assert store.run(came_from["low_level"]["run"]).artifact.digest == came_from["low_level"]["digest"]
    _, events = _run(store, STRIDING, Settings(body="cheetah", route="reuse"))
    assert _computed(events) == []


def test_what_changed_is_computed_again_and_said(store: Store, project: Path) -> None:
    _run(store, STRIDING)
    far = project / "stages" / "farther.py"
    original = far.read_text()
    far.write_text(original + "# a comment\n")
    assert _computed(_run(store, STRIDING)[1]) == []
    # Other code, same bytes: the wave stops.
    far.write_text("VALUE = 2 - 1\n")
    _, events = _run(store, LOW_LEVEL)
    assert events[0].note == "stages/farther.py changed"
    # Other bytes reach every dependant.
    far.write_text("VALUE = 22\n")
    _, events = _run(store, STRIDING)
    assert _computed(events) == ["toy_inference", "low_level", "striding"]
    far.write_text(original)
    assert _computed(_run(store, STRIDING)[1]) == [], "a state seen before is still stored"
    settings = Settings(overrides={"low_level": {"steps": 4}})
    _, events = _run(store, STRIDING, settings)
    assert _computed(events) == ["low_level", "striding"]
    assert [event.note for event in events if event.kind == "miss"] == ["steps 3 -> 4", "input low_level changed"]


def test_equal_bytes_from_a_changed_parent_stop_the_wave(store: Store, project: Path) -> None:
    _run(store, STRIDING)
    _, events = _run(store, STRIDING, _settings(pause=0.01))
    assert _computed(events) == ["low_level"]


def test_force_computes_the_node_alone(store: Store, project: Path) -> None:
    first, _ = _run(store, STRIDING)
    second, events = _run(store, STRIDING, force=True)
    assert _computed(events) == ["striding"] and second.run_id != first.run_id
    assert second.artifact.digest == first.artifact.digest


def test_what_follows_a_forced_stage_stops_where_bytes_are_equal(store: Store, project: Path) -> None:
    first, _ = _run(store, STRIDING)
    events: list[Event] = []
    runs = bring_up([LOW_LEVEL, STRIDING], Settings(), events.append, store, force=True)
    assert _computed(events) == ["low_level"] and list(runs) == [LOW_LEVEL, STRIDING]
    assert runs[STRIDING].run_id == first.run_id
    (project / "stages" / "farther.py").write_text("VALUE = 5\n")
    events.clear()
    bring_up([LOW_LEVEL, STRIDING], Settings(), events.append, store)
    assert _computed(events) == ["low_level", "toy_inference", "striding"]


def test_damaged_input_is_computed_again_alone(store: Store, project: Path) -> None:
    _run(store, STRIDING)
    run, _ = _run(store, LOW_LEVEL)
    (run.artifact.folder / "data.json").write_text("[]")
    _, events = _run(store, STRIDING)
    assert _computed(events) == ["low_level"]
    (note,) = [event.note for event in events if event.kind == "miss"]
    assert "data.json is damaged; put aside as .carryover/quarantine/" in note


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("user", UserError, "^steps: wrong$"),
        ("crash", StageFailedError, r"low_level: RuntimeError: out of luck; .*\.log"),
    ],
)
def test_failure_of_a_stage(store: Store, project: Path, fault: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        _run(store, settings=_settings(fault=fault))
    assert [run.info.status for run in store.client.search_runs([store.experiment])] == ["FAILED"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Settings(body="nobody"), "body: no 'nobody'"),
        (Settings(overrides={"low_levl": {}}), "stage: no 'low_levl'"),
        (_settings(stepz=1), "low_level.stepz: no such field"),
        (_settings(steps=0), "low_level.steps: .* greater than or equal to 1, got 0"),
        (_settings(body="ant"), "low_level.body: not overridable"),
    ],
)
def test_mistakes_are_found_before_anything_runs(store: Store, project: Path, settings: Settings, words: str) -> None:
    events: list[Event] = []
    with pytest.raises(UserError, match=words):
        materialise(STRIDING, settings, events.append, store)
    assert events == []


def test_mistakes_in_a_body_are_found_before_anything_runs(store: Store, project: Path, tmp_path: Path) -> None:
    (tmp_path / "mybot.toml").write_text(
        'name = "mybot"\nmjcf = "gone.xml"\ntimestep = 0.01\nframe_skip = 5\n[coordinates]\nx = "rootx"\n'
    )
    events: list[Event] = []
    with pytest.raises(UserError, match=r"body mybot: mjcf: no file gone\.xml"):
        materialise(STRIDING, Settings(body=str(tmp_path / "mybot.toml")), events.append, store)
    assert events == []


def test_two_want_one_key(store: Store, project: Path) -> None:
    found: dict[int, tuple[StoredRun, list[Event]]] = {}

    def want(i: int) -> None:
        found[i] = _run(Store(store.root), settings=_settings(pause=0.5))

    threads = [threading.Thread(target=want, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0][0].run_id == found[1][0].run_id
    kinds = sorted([event.kind for event in events if event.kind != "progress"] for _, events in found.values())
    assert kinds == [["miss", "done"], ["waiting", "hit"]]


def _start_slow(store: Store, project: Path) -> tuple[subprocess.Popen[bytes], Path]:
    """A stage under way in a process of its own, and its folder of checkpoints."""
    environment = {**os.environ, "CARRYOVER_ROOT": str(store.root), "PYTHONPATH": str(project)}
    command = [sys.executable, "-P", "-m", "stages.low_level", "--pause", "0.4", "--steps", "50"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
    _wait(lambda: store.database.runs("RUNNING", "stage", "low_level"))
    _wait(lambda: len(_checkpoints(store)) > 1)
    return process, _checkpoints(store)[0].parent


def _checkpoints(store: Store) -> list[Path]:
    return list(store.state.glob("work/*/.checkpoint/*"))


def _wait(condition: Callable[[], object]) -> None:
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("waited in vain")


def test_killed_owner_frees_the_key_and_its_stage_resumes(store: Store, project: Path) -> None:
    process, checkpoint = _start_slow(store, project)
    process.kill()
    process.wait()
    time.sleep(1.0)
    done = len(list(checkpoint.iterdir()))
    time.sleep(1.0)
    assert len(list(checkpoint.iterdir())) == done, "the child outlived its parent"
    for i in range(done, 50):
        (checkpoint / str(i)).write_text("")
    run, events = _run(store, settings=_settings(pause=0.4, steps=50))
    assert run.metrics["resumed"] == 50 and _kinds(events) == ["miss", "progress", "done"]
    statuses = {run.info.status for run in store.client.search_runs([store.experiment])}
    assert statuses == {"FINISHED", "KILLED"}


def test_termination_ends_the_child_and_says_so(store: Store, project: Path) -> None:
    process, checkpoint = _start_slow(store, project)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGTERM
    assert store.database.runs("KILLED", "stage", "low_level") and checkpoint.exists()
