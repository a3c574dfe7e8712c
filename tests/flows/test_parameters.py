"""One definition of a transfer's parameters: the form, the command line and the check agree."""

from __future__ import annotations

from typing import Any

import pytest

from envs.errors import UserError
from flows.compare import compare_bodies
from flows.parameters import check, check_stage, deployment_names, following, wanted
from flows.run import main
from flows.serve import deployments
from flows.stage import stage
from flows.sweep import sweep
from flows.transfer import transfer
from stages.plan import STAGES, ComparisonSettings, Node, Settings, SharedSettings, StageChoice
from stages.store import Store
from stages.sweep_plan import SweepSettings


def test_the_form_shows_types_bounds_and_descriptions() -> None:
    form = transfer.parameters.model_dump()["properties"]
    assert list(form) == list(Settings.model_fields)
    assert form["route"]["enum"] == ["reuse", "retrain", "both"]
    assert (form["seed"]["type"], form["seed"]["minimum"], form["seed"]["default"]) == ("integer", 0, 0)
    for name, field in Settings.model_fields.items():
        assert form[name]["description"] == field.description


def test_the_form_of_a_comparison_has_a_list_of_bodies_and_shares_the_rest() -> None:
    form, other = (flow.parameters.model_dump()["properties"] for flow in (compare_bodies, transfer))
    assert list(form) == list(ComparisonSettings.model_fields)
    assert (form["bodies"]["type"], form["bodies"]["items"]["type"]) == ("array", "string")
    shared = [name for name in form if name != "bodies"]
    assert [{**form[name], "position": 0} for name in shared] == [{**other[name], "position": 0} for name in shared]


def test_the_form_of_a_sweep_is_that_of_a_comparison_and_more() -> None:
    form = sweep.parameters.model_dump()["properties"]
    assert list(form) == list(SweepSettings.model_fields) and set(SharedSettings.model_fields) < set(form)
    assert (form["seeds"]["type"], form["seeds"]["minimum"]) == ("integer", 1)
    assert form["workers"]["default"] == "processes"


def test_every_deployment_is_served() -> None:
    named = [(flow, name) for flow, names in deployment_names().items() for name in names]
    assert list(deployments()) == named


def test_the_form_of_a_stage_offers_the_stages_and_the_flags_of_its_command() -> None:
    form = stage.parameters.model_dump()["properties"]
    assert list(form) == ["stage", *StageChoice.model_fields, *Settings.model_fields]
    assert form["stage"]["enum"] == [*STAGES]
    for name, field in StageChoice.model_fields.items():
        assert (form[name]["type"], form[name]["default"]) == ("boolean", False)
        assert form[name]["description"] == field.description


def test_a_stage_is_told_more_than_its_settings() -> None:
    choice, settings = check_stage({"force": True, "downstream": True, "route": "reuse"}, "low_level")
    assert (choice, settings) == (StageChoice(force=True, downstream=True), Settings(route="reuse"))
    later = [Node("striding"), Node("evaluation", "reuse"), Node("plots")]
    assert following("low_level", choice, settings) == later
    assert following("low_level", StageChoice(), settings) == []
    assert following("evaluation", choice, Settings()) == [Node("plots")]
    with pytest.raises(UserError, match=r"^force: .* valid boolean, .* got 'often'$"):
        check_stage({"force": "often"}, "low_level")
    with pytest.raises(UserError, match=r"^evaluation\.stepz: no such field"):
        check_stage({"downstream": True, "overrides": {"evaluation": {"stepz": 1}}}, "low_level")


@pytest.mark.parametrize(
    ("parameters", "line"),
    [
        ({"body": "mouse"}, "body"),
        ({"route": "neither"}, "route"),
        ({"seed": -1}, "seed"),
        ({"speed": 1}, "speed"),
        ({"overrides": {"low_level": {"stepz": 1}}}, "low_level.stepz"),
        ({"overrides": {"low_level": {"steps": 0}}}, "low_level.steps"),
        ({"overrides": {"lowlevel": {}}}, "stage"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_field(
    parameters: dict[str, Any], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError) as caught:
        check(parameters)
    assert str(caught.value).startswith(f"{line}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("arguments", [["--body", "mouse"], ["--route", "neither"], ["--seed", "one"]])
def test_make_run_ends_with_that_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith(arguments[0].removeprefix("--") + ": ")
    assert shown.err.count("\n") == 1 and not shown.out


@pytest.mark.parametrize(
    ("words", "first"), [([], "toy_inference"), (["compare-bodies", "--bodies", "ant"], "toy_inference_plane")]
)
def test_a_dry_run_tells_the_plan_and_starts_nothing(
    words: list[str], first: str, store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CARRYOVER_ROOT", str(store.root))
    monkeypatch.setenv("PREFECT_HOME", str(store.root / "home"))
    assert main([*words, "--dry-run", "--route", "reuse"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{first}: to compute: no toy_inference is stored yet (?)"
    assert lines[-1] == f"total: {len(lines) - 1} of {len(lines) - 1} to compute, ?"
    assert not (store.root / "home").exists()


def test_a_stage_may_exist_once_per_route() -> None:
    assert wanted("evaluation", Settings()) == [Node("evaluation", "reuse"), Node("evaluation", "retrain")]
    assert wanted("comparison", Settings(body="hopper")) == [Node("comparison", bodies=("hopper",))]
    assert wanted("cheetah_vel", Settings()) == [Node("cheetah_vel")]
    with pytest.raises(UserError, match="leaves out the stage striding"):
        wanted("striding", Settings(route="retrain"))
