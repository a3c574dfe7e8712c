"""The whole DAG of real stages in every space, and once more elsewhere: complete, stored, the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from envs.body import load_body
from stages.plan import Settings
from stages.store import Store
from tests.benchmarks.table import Recorder
from tests.stages.test_transfer_tiny import NODES, transferred

_TOLD: dict[str, dict[str, Any]] = {"plane": {"body": "ant", "route": "retrain"}, "posture": {"tasks": "all"}}


@pytest.mark.parametrize("space", _TOLD)
def test_every_space_goes_through_the_dag(tmp_path: Path, record: Recorder, space: str) -> None:
    settings = Settings(profile="tiny", **_TOLD[space])
    runs, computed = transferred(Store(tmp_path), settings)
    body, evaluations = load_body(settings.body, settings.tasks), [n for n in runs if n.stage == "evaluation"]
    assert body.space.name == space
    missing = 0
    for node in evaluations:
        artifact = runs[node].artifact
        table, episodes = artifact.json("controls.json"), artifact.table("episodes.parquet")
        scores = {f"{kind.removesuffix('_y')}_settled" for kind in body.space.kinds}
        missing += len(scores - set(table["agent"])) + len(set(body.space.kinds) - set(episodes.kind))
    record.at_least(f"stages computed, {space}", len(runs), len(computed))
    record.at_most(f"kinds without a score, {space}", 0, missing)


def test_elsewhere_the_same_bytes(tmp_path: Path, record: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever order sets have there. The page of figures is compared in its own tests."""
    here, _ = transferred(Store(tmp_path / "here"), wanted=NODES[:-1])
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    elsewhere, _ = transferred(Store(tmp_path / "elsewhere"), wanted=NODES[:-1])
    differing = [str(n) for n, run in elsewhere.items() if run.artifact.digest != here[n].artifact.digest]
    record.at_most("stages that give other bytes elsewhere", 0, len(differing), note=", ".join(differing))
