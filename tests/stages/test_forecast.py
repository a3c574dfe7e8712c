"""A dry run says what would be computed, why, and how long that takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from envs.errors import UserError
from stages.forecast import forecast
from stages.plan import Node, Settings, downstream
from stages.runner import materialise
from stages.store import Store, StoredRun

LOW_LEVEL, STRIDING = Node("low_level"), Node("striding")


def _run(store: Store, node: Node, settings: Settings, seconds: float | None = None) -> StoredRun:
    run = materialise(node, settings, str, store)
    if seconds is not None:
        store.client.set_tag(run.run_id, "seconds", str(seconds))
    return run


def _steps(steps: int, body: str = "cheetah") -> Settings:
    return Settings(body=body, overrides={"low_level": {"steps": steps}})


def test_nothing_is_stored_yet(store: Store, project: Path) -> None:
    assert forecast([STRIDING], Settings(), store) == [
        "toy_inference: to compute: no toy_inference is stored yet (?)",
        "low_level: to compute: no low_level is stored yet (?)",
        "striding: to compute: needs toy_inference, low_level (?)",
        "total: 3 of 3 to compute, ?",
    ]
    assert not store.client.search_runs([store.experiment])


def test_what_is_stored_and_what_differs(store: Store, project: Path) -> None:
    run = _run(store, LOW_LEVEL, Settings(), 90.0)
    stored = [f"low_level: stored as run {run.run_id[:8]}", "total: 0 of 1 to compute"]
    assert forecast([LOW_LEVEL], Settings(), store) == stored
    assert forecast([LOW_LEVEL], _steps(5), store)[0] == "low_level: to compute: steps 3 -> 5 (2 min)"
    (project / "stages" / "farther.py").write_text("VALUE = 3\n")
    assert forecast([LOW_LEVEL], Settings(), store)[0] == "low_level: to compute: stages/farther.py changed (2 min)"


def test_a_forced_stage_and_what_may_follow(store: Store, project: Path) -> None:
    _run(store, LOW_LEVEL, Settings(), 30.0)
    lines = forecast([LOW_LEVEL, STRIDING], Settings(), store, force=True)
    assert [line.partition(": ")[2] for line in lines] == [
        "to compute: forced (30 s)",
        "to compute: no toy_inference is stored yet (?)",
        "to compute: needs toy_inference, low_level (?)",
        "3 of 3 to compute, about 30 s + ?",
    ]


def test_time_is_the_median_of_the_same_body_else_of_the_stage(store: Store, project: Path) -> None:
    for steps, seconds in ((3, 10.0), (4, 30.0), (5, 4000.0)):
        _run(store, LOW_LEVEL, _steps(steps), seconds)
    tiny = _run(store, LOW_LEVEL, _steps(6), 1.0)
    store.client.set_tag(tiny.run_id, "profile", "tiny")
    assert forecast([LOW_LEVEL], _steps(7), store)[0].endswith("(30 s)")
    assert forecast([LOW_LEVEL], _steps(7, "swimmer"), store)[0].endswith("(30 s)")
    _run(store, LOW_LEVEL, _steps(3, "swimmer"), 4000.0)
    assert forecast([LOW_LEVEL], _steps(7, "swimmer"), store)[0].endswith("(1 h 7 min)")


def test_a_mistake_is_found_first(store: Store, project: Path) -> None:
    with pytest.raises(UserError, match="body: no 'nobody'"):
        forecast([STRIDING], Settings(body="nobody"), store)


def test_downstream_is_what_depends_on_a_stage() -> None:
    names = [str(node) for node in downstream(LOW_LEVEL, Settings())]
    assert names == ["striding", "high_level", "evaluation_reuse", "evaluation_retrain", "plots"]
    reuse = Settings(route="reuse")
    assert [str(node) for node in downstream(Node("toy_inference"), reuse)] == ["striding", "evaluation_reuse", "plots"]
    assert downstream(Node("evaluation", "retrain"), Settings()) == [Node("plots")]
    assert downstream(Node("plots"), Settings()) == downstream(Node("comparison"), Settings()) == []
    ant = Settings(body="ant")
    assert len(downstream(Node("toy_inference", space="plane"), ant)) == 5
    with pytest.raises(UserError, match="space: ant needs the toy of 'plane'"):
        downstream(Node("toy_inference", space="line"), ant)
