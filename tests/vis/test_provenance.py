"""What the store knows of a page: when, why and how fast its stages were computed, and which were reused."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import count
from pathlib import Path

import pandas as pd
import pytest

from stages.keys import key
from stages.store import Store, StoredRun, run_inputs
from tests.vis.test_commands import typed
from vis.origin import Origin, throughput
from vis.provenance import origins
from vis.report_origin import MADE, MADE_LINK

_NUMBERS = count()


def stored(store: Store, stage: str, inputs: dict[str, StoredRun], **config: int) -> StoredRun:
    """A run that a stage might have left; a report has the marks of a page without times."""
    digests = {name: run.artifact.digest for name, run in inputs.items()}
    parts = {"stage": stage, "config": config, "inputs": digests}
    work = store.work(key(parts))
    work.mkdir(parents=True)
    pd.DataFrame({"step": [0, 1000 + next(_NUMBERS)]}).to_parquet(work / "learning_curve.parquet")
    (work / "report.html").write_text(f"<nav>{MADE_LINK}</nav>{MADE}")
    with store.begin(key(parts), parts, run_inputs.tags(inputs)) as writer:
        writer.progress(0.5, {})
        return writer.publish(work, key(parts), {})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, dict[str, StoredRun]]:
    """Two reports of one toy; the second has a low level of its own."""
    store = Store(tmp_path_factory.mktemp("store"))
    runs = {"toy": stored(store, "toy_inference", {}, updates=5), "first": stored(store, "low_level", {}, steps=10)}
    runs["before"] = stored(store, "plots", {"toy_inference": runs["toy"], "low_level": runs["first"]})
    runs["second"] = stored(store, "low_level", {}, steps=20)
    runs["report"] = stored(store, "plots", {"toy_inference": runs["toy"], "low_level": runs["second"]})
    return store, runs


def test_what_another_report_used_before_was_reused(made: tuple[Store, dict[str, StoredRun]]) -> None:
    store, runs = made
    found = {origin.run_id: origin for origin in origins(store, runs["report"].run_id)}
    assert set(found) == {runs[name].run_id for name in ("toy", "second", "report")}
    assert found[runs["toy"].run_id].reused
    assert not found[runs["second"].run_id].reused and not found[runs["report"].run_id].reused
    assert not any(origin.reused for origin in origins(store, runs["before"].run_id))


def test_it_says_what_differed_then(made: tuple[Store, dict[str, StoredRun]]) -> None:
    store, runs = made
    why = {origin.run_id: origin.why for origin in origins(store, runs["report"].run_id)}
    assert why[runs["second"].run_id] == "steps 10 -> 20"
    assert why[runs["toy"].run_id] == "no toy_inference is stored yet"


def test_throughput_is_steps_by_seconds_without_what_came_at_once() -> None:
    pace = [(10.0 + 0.01 * i, 0.01 * i) for i in range(40)] + [(10.0 + i, 0.4 + 0.06 * i) for i in range(1, 11)]
    origin = Origin("low_level", "low_level", "", 0.0, 20.0, False, "", "", "", 2000.0, pace)
    steps, rate = throughput(origin)
    assert steps == sorted(steps) and steps[0] > 0.5 * 2000 and steps[-1] <= 2000
    assert rate == pytest.approx([120] * len(rate), rel=0.02)
    assert origin.steps_per_second == 100
    assert throughput(replace(origin, steps=0.0)) == throughput(replace(origin, pace=[])) == ([], [])


def test_the_command_adds_it_to_the_page(made: tuple[Store, dict[str, StoredRun]], tmp_path: Path) -> None:
    store, runs = made
    run = runs["report"].run_id
    done = typed(store.root, "-m", "vis.report", "--run", run, "--out", f"{tmp_path}/page.html")
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "page.html").read_text()
    for words in ('<a href="#made">', 'id="made"', "stored before, reused", "steps 10 -&gt; 20", run[:8]):
        assert words in text
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", text)
    timing = typed(store.root, "-m", "vis.plot_timing", "--run", run, "--out", f"{tmp_path}/timing.svg")
    assert timing.returncode == 0, timing.stderr
