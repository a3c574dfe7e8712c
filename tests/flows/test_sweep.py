"""Two seeds at the tiny profile, by processes and on a Dask cluster of two workers, through real Prefect and MLflow."""

from __future__ import annotations

import json

import pytest

from flows.place import Place, call
from flows.run import main
from stages.plan import nodes
from stages.store import Store
from stages.sweep_plan import SweepSettings
from tests.flows.conftest import Command

ASKED = SweepSettings(bodies=("cheetah",), route="reuse", seeds=2, profile="tiny", workers="dask")
_WORDS = ("sweep", "--bodies", "cheetah", "--route", "reuse", "--seeds", "2", "--profile", "tiny")


@pytest.fixture(scope="module")
def shown(command: Command) -> str:
    """What ``make sweep WORKERS=dask`` shows."""
    done = command("-m", "flows.run", *_WORDS, "--workers", "dask", timeout=550.0)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_every_stage_of_every_seed_is_computed_once(shown: str) -> None:
    computed = [line.split()[0] for line in shown.splitlines() if " computing" in line]
    every = [f"{n}{ending}" for ending, point in ASKED.points.items() for n in nodes(point.settings, point.node)]
    assert sorted(computed) == sorted([*every, "sweep"])


def test_the_table_is_shown_and_stored(shown: str) -> None:
    assert any(line.split()[:4] == ["cheetah", "reuse", "agent", "2"] for line in shown.splitlines())
    assert "sweep.md" in shown
    stored = Store().latest("sweep")
    assert stored and {row["seeds"] for row in stored.artifact.json("sweep.json")["rows"]} == {2}
    record = Store().database.find(stored.run_id)
    assert record and record.tags["body"] == "cheetah"
    assert set(json.loads(record.tags["parents"])) == {"comparison_seed0", "comparison_seed1"}


def test_by_processes_everything_is_stored_and_left_in_prefect(shown: str, command: Command, place: Place) -> None:
    parameters = json.dumps({**ASKED.model_dump(mode="json"), "workers": "processes"})
    done = command("prefect", "deployment", "run", "sweep/all", "--params", parameters, "--watch")
    assert done.returncode == 0 and "Completed" in done.stdout, done.stdout + done.stderr
    filters = {"artifacts": {"key": {"any_": ["result", "runs", "verdicts"]}}}
    found = {artifact["key"]: artifact for artifact in call(place, "POST", "/artifacts/latest/filter", filters)}
    assert {row["verdict"] for row in json.loads(found["verdicts"]["data"])} == {"stored"}
    assert {row["seeds"] for row in json.loads(found["result"]["data"])} == {"2"}
    assert "(http://127.0.0.1:5000/#/experiments/" in found["runs"]["data"]


def test_a_dry_run_tells_of_every_seed(shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*_WORDS, "--seeds", "3", "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    totals = [line for line in lines if line.startswith("total: ")]
    assert [line for line in lines if line.startswith("seed")] == ["seed0:", "seed1:", "seed2:"] and len(totals) == 3
    assert totals[0].startswith("total: 0 of ") and not totals[2].startswith("total: 0 of ")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--workers", "slurm"], "workers: "),
        (["--seeds", "none"], "seeds: "),
        (["--bodies", "mouse"], "bodies: no 'mouse'"),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", *arguments]) == 2
    said = capsys.readouterr()
    assert said.err.startswith(line) and said.err.count("\n") == 1 and not said.out
