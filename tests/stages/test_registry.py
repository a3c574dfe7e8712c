"""What is finished at the full profile is a version of a model; the better one is its champion."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from envs.errors import UserError
from stages.closure import PROJECT
from stages.configs import profiles
from stages.contract import Metrics, write_json
from stages.keys import Components, key
from stages.plan import Node, Settings, configure
from stages.runner import Event, materialise
from stages.store import Store, StoredRun
from stages.store.registry import model_name, register, registered

AGENT, LOW_LEVEL = "agent-cheetah-reuse", "low-level-cheetah"


def _publish(store: Store, stage: str, metrics: Metrics, number: int, **config: Any) -> StoredRun:
    """A finished run; ``number`` tells its bytes from others."""
    parts: Components = {"stage": stage, "config": {"number": number, **config}}
    work = store.work(key(parts))
    work.mkdir(parents=True)
    (work / "weights").write_text(str(number))
    if stage == "evaluation":
        write_json(work / "controls.json", {"agent": {"return": metrics}})
    with store.begin(key(parts), parts, {}) as writer:
        return writer.publish(work, key(parts), metrics)


def _evaluation(store: Store, number: int, low: float, high: float, decisions: int = 100) -> StoredRun:
    return _publish(store, "evaluation", {"low": low, "high": high}, number, decisions=decisions, seeds=5)


@pytest.mark.parametrize(
    ("node", "settings", "name"),
    [
        (Node("toy_inference"), Settings(), "toy-encoder"),
        (Node("toy_inference"), Settings(body="ant"), "toy-encoder-plane"),
        (Node("low_level"), Settings(body="walker"), "low-level-walker"),
        (Node("low_level"), Settings(tasks="all"), "low-level-cheetah-all"),
        (Node("evaluation", "reuse"), Settings(tasks="all"), "agent-cheetah-all-reuse"),
        (Node("evaluation", "retrain"), Settings(body="hopper"), "agent-hopper-retrain"),
        (Node("striding"), Settings(), None),
        (Node("plots"), Settings(), None),
    ],
)
def test_names(node: Node, settings: Settings, name: str | None) -> None:
    assert model_name(node.stage, configure(node, settings)) == name


def test_a_body_of_ones_own_has_its_name(tmp_path: Path) -> None:
    mine = tmp_path / "mybot.toml"
    shutil.copy(PROJECT / "envs" / "bodies" / "cheetah.toml", mine)
    assert model_name("low_level", configure(Node("low_level"), Settings(body=str(mine)))) == "low-level-mybot"


def test_a_version_leads_to_its_run(store: Store) -> None:
    run = _evaluation(store, 1, -9.0, -8.0)
    assert register(store, AGENT, run) == f"{AGENT} version 1, champion"
    made = store.client.get_model_version_by_alias(AGENT, "champion")
    assert made.tags == {"key": run.artifact.key, "digest": run.artifact.digest} and made.run_id == run.run_id
    assert store.client.get_model_version_by_alias(AGENT, "latest").run_id == run.run_id, "MLflow's own latest"
    assert store.client.get_model_version_download_uri(AGENT, "1") == f"runs:/{run.run_id}"
    for alias in ("latest", "champion"):
        assert registered(store.database, AGENT, alias) == run.run_id
        assert Store(store.root).run(f"{AGENT}@{alias}").artifact == run.artifact


def test_equal_bytes_are_no_new_version(store: Store) -> None:
    register(store, AGENT, _evaluation(store, 1, -9.0, -8.0))
    register(store, AGENT, _evaluation(store, 2, -9.0, -8.0))
    assert register(store, AGENT, _evaluation(store, 1, -9.0, -8.0)) == ""
    assert len(store.database.versions(AGENT)) == 2


def test_the_champion_is_better_beyond_its_interval(store: Store) -> None:
    steps = [(-9.0, -8.0, True), (-8.5, -7.0, False), (-20.0, -19.0, False), (-7.9, -7.0, True)]
    for number, (low, high, wins) in enumerate(steps):
        run = _evaluation(store, number, low, high)
        assert ("champion" in register(store, AGENT, run)) == wins
        assert registered(store.database, AGENT) == run.run_id
        assert (registered(store.database, AGENT, "champion") == run.run_id) == wins


def test_what_was_measured_otherwise_is_no_champion(store: Store) -> None:
    register(store, AGENT, _evaluation(store, 1, -9.0, -8.0))
    assert register(store, AGENT, _evaluation(store, 2, -2.0, -1.0, decisions=20)) == f"{AGENT} version 2"


@pytest.mark.parametrize(
    ("stage", "worse", "better"),
    [
        ("toy_inference", {"return": -8.0}, {"return": -7.0}),
        ("low_level", {"goal_error": 0.1, "fall_rate": 0.02}, {"goal_error": 0.15, "fall_rate": 0.0}),
    ],
)
def test_toys_and_low_levels_go_by_their_own_scores(store: Store, stage: str, worse: Metrics, better: Metrics) -> None:
    for number, (metrics, wins) in enumerate([(worse, True), (better, True), (worse, False)]):
        assert ("champion" in register(store, "some-model", _publish(store, stage, metrics, number))) == wins


def test_a_champion_without_files_is_succeeded(store: Store) -> None:
    first = _evaluation(store, 1, -1.0, 0.0)
    register(store, AGENT, first)
    shutil.rmtree(first.artifact.folder)
    assert "champion" in register(store, AGENT, _evaluation(store, 2, -9.0, -8.0))


def test_what_was_deleted_stays_so(store: Store) -> None:
    first, second = _evaluation(store, 1, -9.0, -8.0), _evaluation(store, 2, -8.0, -7.0)
    register(store, AGENT, first)
    register(store, AGENT, second)
    store.client.delete_model_version(AGENT, "2")
    assert registered(store.database, AGENT) == first.run_id
    assert register(store, AGENT, second) == ""


def test_unknown_names_are_one_line(store: Store) -> None:
    register(store, AGENT, _evaluation(store, 1, -9.0, -8.0))
    with pytest.raises(UserError, match=r"^run: agent-mouse@latest is not registered; `mlflow ui` lists the models$"):
        store.run("agent-mouse@latest")
    with pytest.raises(UserError, match=f"^run: {AGENT}@best is not registered; .* are champion, latest$"):
        store.run(f"{AGENT}@best")


def _events(store: Store, settings: Settings) -> list[Event]:
    events: list[Event] = []
    materialise(Node("striding"), settings, events.append, store)
    return events


def test_a_low_level_of_one_velocity_is_no_model() -> None:
    settings = Settings(overrides={"low_level": {"only": -2.0}})
    assert model_name("low_level", configure(Node("low_level"), settings)) is None


def test_a_finished_stage_is_registered(store: Store, project: Path) -> None:
    notes = [event.note for event in _events(store, Settings(profile="full")) if event.kind == "done"]
    assert notes == ["toy-encoder version 1, champion", f"{LOW_LEVEL} version 1, champion", ""]
    assert [event.note for event in _events(store, Settings())] == ["", "", ""]


def test_the_tiny_profile_is_not_registered(store: Store, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "_TINY", {})  # fields that the stages of the tests do not have
    _events(store, Settings(profile="tiny"))
    assert not store.client.search_registered_models()


def test_a_registry_that_cannot_be_written_fails_no_stage(store: Store, project: Path) -> None:
    with sqlite3.connect(store.database.path) as connection:
        connection.execute("ALTER TABLE model_versions RENAME TO elsewhere")
    done = [event for event in _events(store, Settings()) if event.kind == "done"]
    assert done[0].note.startswith("not registered as toy-encoder: mlflow.db in store: ")
    assert "\n" not in done[0].note and len(done) == 3
    with sqlite3.connect(store.database.path) as connection:
        connection.execute("ALTER TABLE elsewhere RENAME TO model_versions")
    assert _events(store, Settings())[0].note == "toy-encoder version 1, champion", "the next look tries again"


def test_a_look_at_what_is_registered_imports_neither_mlflow_nor_its_database(store: Store, project: Path) -> None:
    _events(store, Settings())
    code = (
        "import sys, pathlib; from stages.plan import Node, Settings; from stages.runner import materialise;"
        "from stages.store import Store; store = Store(pathlib.Path(sys.argv[1]));"
        "materialise(Node('striding'), Settings(), print, store); store.run('toy-encoder@champion');"
        "print({'mlflow', 'sqlalchemy'} & {*sys.modules})"
    )
    command = [sys.executable, "-P", "-c", code, str(store.root)]
    done = subprocess.run(command, env={"PYTHONPATH": str(project)}, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
