"""Two inference methods at the tiny profile, on the toy, through real Prefect and MLflow; on a body: bench_methods."""

from __future__ import annotations

import json

import pytest

from flows.place import Place, call
from flows.run import main
from stages.store import Store
from stages.sweep_plan import MethodsSettings
from tests.flows.conftest import Command

ASKED = MethodsSettings(bodies=("cheetah",), route="reuse", methods=("gaussian", "tigr"), seeds=1, profile="tiny")
_WORDS = ["compare-methods", "--bodies", "cheetah", "--route", "reuse", "--seeds", "1", "--profile", "tiny"]
_VARIANTS = ["--methods", "gaussian", "--ablation", "robustness", "--toys-only"]


@pytest.fixture(scope="module")
def shown(command: Command) -> str:
    """What a comparison of the toys shows, as Prefect's own command does it."""
    asked = json.dumps({**ASKED.model_dump(mode="json"), "toys_only": True})
    done = command("prefect", "deployment", "run", "compare-methods/all", "--params", asked, "--watch", timeout=300.0)
    assert done.returncode == 0 and "Completed" in done.stdout, done.stdout + done.stderr
    return done.stdout


def test_toys_have_a_table_and_no_body_is_taught(shown: str, place: Place) -> None:
    stored = Store().latest("toy_comparison")
    assert stored and [row["method"] for row in stored.artifact.json("toys.json")["rows"]] == ["gaussian", "tigr"]
    found = call(place, "POST", "/artifacts/latest/filter", {"artifacts": {"key": {"any_": ["toys", "verdicts"]}}})
    tables = {artifact["key"]: json.loads(artifact["data"]) for artifact in found}
    assert [row["method"] for row in tables["toys"]] == ["gaussian", "tigr"]
    assert all("training" in row for row in tables["toys"])
    assert not any(row["stage"].startswith(("low_level", "striding")) for row in tables["verdicts"])


def test_a_dry_run_tells_of_every_variant(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
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
