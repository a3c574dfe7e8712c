"""Two inference methods at the tiny profile, on the toy and carried to a body, through real Prefect and MLflow."""

from __future__ import annotations

import json

import pytest

from flows.place import Place, call
from flows.run import main
from stages.plan import nodes
from stages.store import Store
from stages.sweep_plan import MethodsSettings
from tests.flows.conftest import Command

ASKED = MethodsSettings(bodies=("cheetah",), route="reuse", methods=("gaussian", "tigr"), seeds=1, profile="tiny")
_WORDS = ["compare-methods", "--bodies", "cheetah", "--route", "reuse", "--seeds", "1", "--profile", "tiny"]
_METHODS = ["--methods", "gaussian", "tigr"]
_VARIANTS = ["--methods", "gaussian", "--ablation", "robustness", "--toys-only"]


@pytest.fixture(scope="module")
def shown(command: Command) -> str:
    """What the comparison shows."""
    done = command("-m", "flows.run", *_WORDS, *_METHODS, timeout=550.0)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_what_the_methods_share_is_computed_once(shown: str) -> None:
    computed = [line.split()[0] for line in shown.splitlines() if " computing" in line]
    every = {f"{n}{ending}" for ending, point in ASKED.points.items() for n in nodes(point.settings, point.node)}
    twice = {name for name in every if name.startswith("low_level")}
    assert len(twice) == 2 and len(twice & {*computed}) == 1
    assert sorted({*computed} - twice) == sorted([*(every - twice), "sweep", "toy_comparison"])


def test_bodies_and_toys_have_a_table_each(shown: str) -> None:
    stored = {name: Store().latest(name) for name in ("sweep", "toy_comparison")}
    assert stored["sweep"] and stored["toy_comparison"]
    rows = stored["sweep"].artifact.json("sweep.json")["rows"]
    assert {row["method"] for row in rows if row["control"] == "agent"} == {"gaussian", "tigr"}
    assert [row["method"] for row in stored["toy_comparison"].artifact.json("toys.json")["rows"]] == [
        "gaussian",
        "tigr",
    ]
    assert "sweep.md" in shown and "toys.md" in shown
    assert "training" in shown


def test_variants_of_the_toy_alone(shown: str, command: Command, place: Place) -> None:
    parameters = {"methods": ["gaussian"], "ablation": "robustness", "toys_only": True}
    asked = json.dumps({**ASKED.model_dump(mode="json"), **parameters})
    done = command("prefect", "deployment", "run", "compare-methods/all", "--params", asked, "--watch", timeout=300.0)
    assert done.returncode == 0 and "Completed" in done.stdout, done.stdout + done.stderr
    found = call(place, "POST", "/artifacts/latest/filter", {"artifacts": {"key": {"any_": ["toys", "verdicts"]}}})
    tables = {artifact["key"]: json.loads(artifact["data"]) for artifact in found}
    names = [row["method"] for row in tables["toys"]]
    assert names[0] == "gaussian" and "gaussian - clean law" in names and len(names) == 6
    assert not any(row["stage"].startswith("striding") for row in tables["verdicts"])


def test_a_dry_run_tells_of_every_variant(shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*_WORDS, *_VARIANTS, "--dry-run"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("variant")]
    assert len(lines) == 6 and "variantclean-law_seed0:" in lines


@pytest.mark.parametrize(
    ("arguments", "line"), [(["--methods", "melds"], "methods.0: "), (["--ablation", "everything"], "ablation: ")]
)
def test_a_mistake_is_one_line(arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare-methods", *arguments]) == 2
    said = capsys.readouterr()
    assert said.err.startswith(line) and said.err.count("\n") == 1 and not said.out
