"""What the Prefect plugin makes of a command line."""

from __future__ import annotations

import pytest

from envs.errors import UserError
from flows.autostart import requested
from flows.place import Place
from flows.prepare import given_parameters
from flows.services import running
from tests.flows.conftest import Command


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("bin/prefect deployment run transfer/cheetah", "transfer/cheetah"),
        ("prefect deployment run --watch stage/low-level -p seed=1", "stage/low-level"),
        ("prefect deployment run compare-bodies/all", "compare-bodies/all"),
        ("prefect deployment run sweep/all", "sweep/all"),
        ("prefect deployment run other/flow", None),
        ("prefect deployment ls", None),
        ("prefect server start", None),
        ("pytest deployment run transfer/cheetah", None),
        ("prefect", None),
    ],
)
def test_only_runs_of_this_project_are_prepared(line: str, name: str | None) -> None:
    assert requested(line.split()) == name


def test_parameters_are_read_as_prefect_reads_them() -> None:
    argv = ["prefect", "deployment", "run", "x", "--params", '{"seed": 1, "body": "ant"}', "-p", "seed=2"]
    assert given_parameters([*argv, "--param=route=reuse"]) == {"seed": 2, "body": "ant", "route": "reuse"}
    assert given_parameters(["-p", 'overrides={"low_level": {"steps": 1}}']) == {
        "overrides": {"low_level": {"steps": 1}}
    }


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_params_that_are_no_object(text: str) -> None:
    with pytest.raises(UserError, match="--params"):
        given_parameters(["--params", text])


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["transfer/mouse"], "transfer/mouse: no such deployment"),
        (["compare-bodies/none"], "compare-bodies/none: no such deployment; choose one of compare-bodies/all"),
        (["stage/low-level", "-p", "seed=x"], "seed: "),
    ],
)
def test_a_mistake_starts_nothing(command: Command, place: Place, words: list[str], line: str) -> None:
    before = running(place)
    done = command("prefect", "deployment", "run", *words)
    assert done.returncode == 2
    assert done.stderr.startswith(line) and done.stderr.count("\n") == 1
    assert running(place) == before
