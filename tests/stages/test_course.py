"""While a stage is silent its listener hears of it all the same, and MLflow has what it said."""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from pathlib import Path

from stages.course import BEAT, Event
from stages.heartbeat import heartbeat
from stages.plan import Node, Settings
from stages.runner import materialise
from stages.store import Store

LOW_LEVEL = Node("low_level")
_PAUSE = 2 * BEAT + 0.5


def test_a_silent_stage_gives_signs_of_life(store: Store, project: Path) -> None:
    heard: list[tuple[float, Event]] = []
    settings = Settings(overrides={"low_level": {"pause": _PAUSE, "steps": 2}})
    run = materialise(LOW_LEVEL, settings, lambda event: heard.append((time.monotonic(), event)), store)
    events = [event for _, event in heard]
    assert events[0].kind == "miss" and events[1].note == "starting" and events[-1].kind == "done"
    silent = [event for event in events if event.fraction == 0.5]
    assert len(silent) >= 3 and len({event.seconds for event in silent}) == len(silent)
    assert all(event.metrics == {"loss": 1.0} for event in silent)
    assert max(b - a for (a, _), (b, _) in pairwise(heard)) < 2 * BEAT
    assert events[-1].page == silent[-1].page == f"#/experiments/{store.experiment}/runs/{run.run_id}"


def test_all_is_said_to_be_done_when_it_is_stored(store: Store, project: Path) -> None:
    events: list[Event] = []
    materialise(LOW_LEVEL, Settings(), events.append, store)
    assert max(event.fraction for event in events if event.kind == "progress") == 0.99
    assert events[-1].fraction == 1.0


def test_mlflow_shows_metrics_while_the_stage_works(store: Store, project: Path) -> None:
    settings = Settings(overrides={"low_level": {"pause": _PAUSE, "steps": 2}})
    worker = threading.Thread(target=materialise, args=(LOW_LEVEL, settings, id, Store(store.root)))
    worker.start()
    seen: set[tuple[str, float]] = set()
    while worker.is_alive():
        for run in store.client.search_runs([store.experiment]):
            seen |= {(run.info.status, value) for name, value in run.data.metrics.items() if name == "loss"}
        time.sleep(0.1)
    worker.join()
    assert ("RUNNING", 1.0) in seen


def test_a_heartbeat_has_ended_when_it_is_left() -> None:
    beats: list[float] = []
    with heartbeat(lambda: beats.append(time.monotonic()), 0.01):
        time.sleep(0.2)
    many = len(beats)
    time.sleep(0.1)
    assert many >= 3 and len(beats) == many
