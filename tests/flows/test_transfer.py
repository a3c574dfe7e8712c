"""The whole DAG at the tiny profile, through real Prefect and MLflow."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from flows.place import Place, call
from flows.services import running, wait_for_deployment
from stages.plan import Settings, nodes
from stages.store import Store
from tests.flows.conftest import Command

NODES = [str(node) for node in nodes(Settings())]
_WIDTH = max(22, *map(len, NODES))


def _run(place: Place, deployment: str, **parameters: object) -> dict[str, str]:
    """Run a deployment to its end; its last state."""
    served = wait_for_deployment(place, deployment)
    body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
    flow_run = call(place, "POST", f"/deployments/{served['id']}/create_flow_run", body)["id"]
    while True:
        state = call(place, "GET", f"/flow_runs/{flow_run}")["state"]
        if state["type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED"):
            return state
        time.sleep(0.2)


@pytest.fixture(scope="module")
def first(command: Command) -> str:
    """What the first ``make run`` shows."""
    done = command("-m", "flows.run", "--profile", "tiny", timeout=500.0)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_every_stage_is_computed_and_the_result_shown(first: str) -> None:
    for name in NODES:
        assert f"{name:<{_WIDTH}} computing" in first
    for words in ("agent", "oracle", "no inference", "random encoder", "falls"):
        assert words in first


def test_it_ends_with_the_page_that_says_how_it_was_made(first: str, place: Place) -> None:
    [shown] = re.findall(r"^report: (.*)$", first, re.MULTILINE)
    page = Path(shown)
    assert page.parent == Store().root / "reports" and page.name.startswith("cheetah-")
    text = page.read_text(encoding="utf-8")
    assert 'id="made"' in text and "low_level cheetah" in text and "computed" in text


def test_stages_are_heard_of_while_they_work(first: str) -> None:
    # On a quick machine some are done before a line is due; how long the longest silence is, a benchmark measures.
    assert any(line.startswith(tuple(NODES)) and "%, 0:" in line for line in first.splitlines())


def test_nothing_runs_afterwards_that_did_not_before(first: str, place: Place) -> None:
    assert running(place) == frozenset()


def test_again_everything_is_stored(first: str, command: Command) -> None:
    done = command("-m", "flows.run", "--profile", "tiny")
    assert done.returncode == 0, done.stderr
    for name in NODES:
        assert f"{name:<{_WIDTH}} stored" in done.stdout
    assert "computing" not in done.stdout
    assert done.stdout.splitlines()[-1] == first.splitlines()[-1]  # the page is there, and is not written again


def test_the_prefect_command_brings_up_what_it_needs(first: str, command: Command, place: Place) -> None:
    words = ("deployment", "run", "stage/low-level", "-p", "profile=tiny", "--watch")
    done = command("prefect", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Completed" in done.stdout
    assert len(running(place)) == 2


def test_a_mistake_found_in_the_run_ends_it_with_one_line(first: str, services: Place) -> None:
    state = _run(services, "stage/low-level", overrides={"low_level": {"stepz": 1}})
    assert state["type"] == "FAILED"
    assert state["message"].startswith("low_level.stepz: ") and "\n" not in state["message"]


def test_a_damaged_artifact_is_computed_again(first: str, services: Place) -> None:
    store = Store()
    stored = store.latest("low_level")
    assert stored is not None
    curve = stored.artifact.folder / "learning_curve.parquet"
    curve.write_bytes(curve.read_bytes()[:-1])
    assert _run(services, "stage/low-level", profile="tiny")["type"] == "COMPLETED"
    again = store.latest("low_level")
    assert again is not None and again.run_id != stored.run_id


def test_the_result_is_left_in_prefect(first: str, services: Place) -> None:
    found = call(services, "POST", "/artifacts/latest/filter", {"artifacts": {"key": {"any_": ["result", "runs"]}}})
    shown = {artifact["key"]: artifact for artifact in found}
    assert {"agent", "oracle"} <= {row["control"] for row in json.loads(shown["result"]["data"])}
    assert "reports/cheetah-" in shown["runs"]["data"] or "low_level" in shown["runs"]["data"]


def test_prefects_page_leads_to_the_mlflow_runs_and_has_a_bar_per_stage(first: str, services: Place) -> None:
    filters = {"artifacts": {"type": {"any_": ["markdown", "progress"]}}, "limit": 200}
    found = {artifact["key"]: artifact for artifact in call(services, "POST", "/artifacts/filter", filters)}
    store = Store()
    for name in (node.replace("_", "-") for node in NODES):
        assert found[name]["data"] == 100.0 and "done in " in found[name]["description"]
        assert f"(http://127.0.0.1:5000/#/experiments/{store.experiment}/runs/" in found[f"{name}-mlflow"]["data"]


def _verdicts(place: Place) -> dict[str, tuple[str, str]]:
    """What the last flow run said of each stage."""
    found = call(place, "POST", "/artifacts/latest/filter", {"artifacts": {"key": {"any_": ["verdicts"]}}})
    return {row["stage"]: (row["verdict"], row["why"]) for row in json.loads(found[0]["data"])}


def test_a_forced_stage_and_all_that_follows(first: str, services: Place) -> None:
    before = Store().latest("low_level")
    assert _run(services, "stage/low-level", profile="tiny", force=True, downstream=True)["type"] == "COMPLETED"
    after = Store().latest("low_level")
    assert before and after and after.run_id != before.run_id
    assert after.artifact.digest == before.artifact.digest
    said = _verdicts(services)
    assert said.pop("low_level") == ("computed", "forced")
    assert said == dict.fromkeys([name for name in NODES if name != "low_level"], ("stored", ""))


def test_verdicts_tell_of_inputs_and_of_a_failure(first: str, services: Place) -> None:
    state = _run(services, "stage/striding", profile="tiny", overrides={"striding": {"seed": 1, "bodies": 1}})
    said = _verdicts(services)
    assert said["toy_inference"] == said["low_level"] == ("stored", "")
    verdict, why = said["striding"]
    assert "bodies 4 -> 1" in why and verdict == ("computed" if state["type"] == "COMPLETED" else "failed")
