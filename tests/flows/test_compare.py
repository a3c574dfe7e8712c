"""Two bodies and one toy at the tiny profile, through real Prefect and MLflow; and a body that fails."""

from __future__ import annotations

import json
import re

import pytest

from envs.body_files import body_path
from flows.place import Place, call
from flows.run import main
from flows.services import running
from stages.plan import ComparisonSettings, nodes
from stages.store import Store
from tests.flows.conftest import Command

#: Falls within seconds where nobody has taught it to stand.
_HOPPER = """
name = "hopper"
mjcf = "hopper.xml"
timestep = 0.01
frame_skip = 5
reset_noise = 0.005
coordinates = {x = "rootx", z = "rootz", pitch = "rooty"}
healthy = {z = [0.7, 2.5], pitch = [-0.2, 0.2]}
tasks = {velocity = [1.0, 3.0], goal = [2.0, 15.0]}
commands = {velocity = 3.2, goal = 3.0}
"""


@pytest.fixture(scope="module")
def bodies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """By name: one that ships, one given by path, one that practises what it cannot, one without its model."""
    folder = tmp_path_factory.mktemp("bodies")
    (folder / "hopper.toml").write_text(_HOPPER)
    text = body_path("cheetah").read_text()
    (folder / "stiff.toml").write_text(re.sub(r"^(pitch|stand|flip) = .*\n", "", text, flags=re.MULTILINE))
    (folder / "ghost.toml").write_text(text.replace("half_cheetah.xml", "nothing.xml"))
    return {"cheetah": "cheetah", **{name: str(folder / f"{name}.toml") for name in ("hopper", "stiff", "ghost")}}


@pytest.fixture(scope="module")
def asked(bodies: dict[str, str]) -> ComparisonSettings:
    return ComparisonSettings(bodies=(bodies["cheetah"], bodies["hopper"]), route="reuse", profile="tiny")


@pytest.fixture(scope="module")
def shown(command: Command, asked: ComparisonSettings) -> str:
    """What the first ``make compare`` shows."""
    words = ("compare-bodies", "--bodies", *asked.bodies, "--route", asked.route, "--profile", "tiny")
    done = command("-m", "flows.run", *words, timeout=550.0)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_every_stage_of_every_body_is_computed_and_the_toy_once(shown: str, asked: ComparisonSettings) -> None:
    computed = [line.split()[0] for line in shown.splitlines() if " computing" in line]
    assert sorted(computed) == sorted(str(node) for node in nodes(asked.settings, asked.node))
    assert computed.count("toy_inference_line") == 1


def test_the_table_has_a_line_per_body_route_and_control(shown: str) -> None:
    for body in ("cheetah", "hopper"):
        for control in ("agent", "oracle", "no inference", "random encoder"):
            assert any(line.split()[:2] == [body, "reuse"] and control in line for line in shown.splitlines())
    assert "falls" in shown and "reports/comparison-" in shown


def test_it_is_stored_with_the_one_toy(shown: str, place: Place) -> None:
    store = Store()
    stored, toy = store.latest("comparison"), store.latest("toy_inference")
    assert stored and toy
    written = stored.artifact.json("comparison.json")
    assert {row["toy_inference"] for row in written["rows"]} == {toy.artifact.digest}
    assert len(written["rows"]) == 8
    for body in ("cheetah", "hopper"):
        assert f"{body}/reuse/goal_settled" in stored.metrics
    record = store.database.find(stored.run_id)
    assert record and record.tags["body"] == "cheetah, hopper"


def test_the_stage_alone_finds_the_same(shown: str, command: Command, asked: ComparisonSettings) -> None:
    done = command("-m", "stages.comparison", "--bodies", *asked.bodies, "--route", "reuse", "--profile", "tiny")
    assert done.returncode == 0, done.stderr
    assert "comparison was stored: mlruns/" in done.stdout and "hopper/reuse/fall_rate" in done.stdout


def test_again_everything_is_stored_and_left_in_prefect(
    shown: str, command: Command, asked: ComparisonSettings, place: Place
) -> None:
    parameters = json.dumps(asked.model_dump(mode="json"))
    done = command("prefect", "deployment", "run", "compare-bodies/all", "--params", parameters, "--watch")
    assert done.returncode == 0 and "Completed" in done.stdout, done.stdout + done.stderr
    assert len(running(place)) == 2
    filters = {"artifacts": {"key": {"any_": ["result", "runs"]}}}
    found = {artifact["key"]: artifact for artifact in call(place, "POST", "/artifacts/latest/filter", filters)}
    table = json.loads(found["result"]["data"])
    assert len(table) == 8 and {row["body"] for row in table} == {"cheetah", "hopper"}
    assert "reports/comparison-" in found["runs"]["data"]


def test_a_body_that_fails_leaves_the_others_their_result(shown: str, command: Command, bodies: dict[str, str]) -> None:
    words = ("compare-bodies", "--profile", "tiny", "--route", "reuse", "--bodies", bodies["stiff"], "cheetah")
    done = command("-m", "flows.run", *words)
    assert done.returncode == 1
    assert any(line.split()[:3] == ["cheetah", "reuse", "agent"] for line in done.stdout.splitlines())
    assert done.stderr.startswith("stiff: ") and "coordinates.pitch" in done.stderr and done.stderr.count("\n") == 1


def test_a_body_that_cannot_be_read_starts_nothing(command: Command, place: Place, bodies: dict[str, str]) -> None:
    before = running(place)
    done = command("-m", "flows.run", "compare-bodies", "--bodies", bodies["ghost"], "cheetah")
    assert done.returncode == 2
    assert "nothing.xml" in done.stderr and done.stderr.count("\n") == 1 and not done.stdout
    assert running(place) == before


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--bodies", "cheetah", "mouse"], "bodies: no 'mouse'"),
        (["--bodies", "cheetah", "cheetah"], "bodies: 'cheetah' is there twice"),
        (["--route", "neither"], "route: "),
    ],
)
def test_a_mistake_is_one_line(arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare-bodies", *arguments]) == 2
    said = capsys.readouterr()
    assert said.err.startswith(line) and said.err.count("\n") == 1 and not said.out


def test_a_mistake_on_prefects_command_line_starts_nothing(command: Command, place: Place) -> None:
    before = running(place)
    done = command("prefect", "deployment", "run", "compare-bodies/all", "-p", 'bodies=["cheetah", "mouse"]')
    assert done.returncode == 2
    assert done.stderr.startswith("bodies: no 'mouse'") and done.stderr.count("\n") == 1
    assert running(place) == before
