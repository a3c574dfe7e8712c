"""``python -m stages.agent``: finds the agent that is meant, and writes one that stands by itself, with its card."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from envs.errors import UserError
from models.agent import TransferAgent
from stages import pretrained
from stages.agent import main
from stages.agent_card import loop
from stages.agent_source import made_of
from stages.closure import PROJECT
from stages.contract import Metrics, write_json
from stages.keys import body_digests, key
from stages.store import Store, StoredRun, packing, run_inputs
from stages.store.artifacts import MANIFEST
from stages.store.registry import register
from tests.models.agents import Route, write_agent

Command = Callable[..., tuple[int, list[str], str]]
_MEASURES = ("velocity_settled", "velocity_success", "goal_settled", "goal_success", "return", "fall_rate")


@pytest.fixture
def command(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Command:
    """The command on the store, in a folder of its own: exit code, lines, what was told as an error."""
    monkeypatch.setenv("CARRYOVER_ROOT", str(store.root))
    monkeypatch.chdir(tmp_path)

    def run(*argv: str) -> tuple[int, list[str], str]:
        with pytest.raises(SystemExit) as end:
            main(argv)
        said = capsys.readouterr()
        return int(end.value.code or 0), said.out.splitlines(), said.err

    return run


def _publish(
    store: Store, source: Path, stage: str, config: dict[str, Any], tags: dict[str, str], inputs: dict[str, StoredRun],
    metrics: Metrics, body: dict[str, str],
) -> StoredRun:  # fmt: skip
    digests = {name: run.artifact.digest for name, run in inputs.items()}
    parts = {"stage": stage, "config": config, "inputs": digests, "body": body, "libraries": {"torch": "0"}}
    parts |= {"schema": 1, "sources": {}}
    work = store.work(key(parts))
    shutil.copytree(source, work)
    with store.begin(key(parts), parts, {**tags, **run_inputs.tags(inputs)}) as writer:
        return writer.publish(work, key(parts), metrics)


def _agent(
    store: Store, folder: Path, route: Route, earned: float, seed: int = 0, profile: str = "full", old: bool = False,
    method: str | None = None,
) -> StoredRun:  # fmt: skip
    """The runs of an agent with random weights, or with a toy that was made otherwise once; its evaluation."""
    files = write_agent(folder / f"{route}-{seed}-{earned}", route=route, seed=seed)
    if old:
        (files / "toy" / "agent.json").write_text('{"space": "line", "size": 3}')
    tags = {"seed": str(seed), "profile": profile}
    body, on_body = body_digests("cheetah"), {**tags, "body": "cheetah"}
    toy = _publish(store, files / "toy", "toy_inference", {"space": "line", "seed": seed}, tags, {}, {}, {})
    tracked = {"goal_error": 0.25}
    low = _publish(store, files / "controller", "low_level", {"steps": 12_345 + seed}, on_body, {}, tracked, body)
    made_of = {"toy_inference": toy, "low_level": low}
    decider = "striding" if route == "reuse" else "high_level"
    made_of[decider] = _publish(store, files / "decider", decider, {"seed": seed}, on_body, made_of, {}, body)
    value = {"mean": earned, "median": earned, "iqm": earned, "low": earned - 1.0, "high": earned + 1.0}
    scores = {control: dict.fromkeys(_MEASURES, value) for control in ("agent", "oracle", "fixed_5")}
    (folder / "scores").mkdir(exist_ok=True)
    write_json(folder / "scores" / "controls.json", scores)
    config = {"route": route, "tasks": "basic", "seed": seed, "decisions": 100, "seeds": 5, "earned": earned}
    tags = {**on_body, "route": route, **({"method": method} if method else {})}
    return _publish(store, folder / "scores", "evaluation", config, tags, made_of, {"return": earned}, body)


def test_a_body_means_its_newest_agent_by_the_better_route(store: Store, tmp_path: Path, command: Command) -> None:
    _agent(store, tmp_path, "reuse", -1.0)
    newer, other = _agent(store, tmp_path, "reuse", -8.0, seed=1), _agent(store, tmp_path, "retrain", -9.0)
    _agent(store, tmp_path, "retrain", -2.0, seed=2, profile="tiny")
    assert command("--run", "cheetah", "--out", "c.agent")[1][0].startswith(f"cheetah-reuse, run {newer.run_id[:8]}: c")
    agent = TransferAgent.load("c.agent")
    assert agent.about.origin.digest == newer.artifact.digest and agent.about.seed == 1
    assert command("--run", other.run_id[:8])[1][0].startswith("cheetah-retrain, ")
    assert TransferAgent.load("cheetah-retrain.agent").about.parents.keys() == {
        "toy_inference",
        "low_level",
        "high_level",
    }


def test_a_body_means_an_agent_of_the_default_method(store: Store, tmp_path: Path, command: Command) -> None:
    _agent(store, tmp_path, "retrain", -1.0, seed=1, method="pearl")
    assert command("--run", "cheetah")[1][0].startswith("cheetah-retrain, ")  # there is no other
    usual = _agent(store, tmp_path, "reuse", -8.0)
    _agent(store, tmp_path, "reuse", -2.0, seed=1, method="pearl")
    assert f"run {usual.run_id[:8]}" in command("--run", "cheetah", "--out", "usual.agent")[1][0]


def test_agents_of_other_networks_are_passed_over(store: Store, tmp_path: Path, command: Command) -> None:
    old, other = _agent(store, tmp_path, "reuse", -1.0, old=True), _agent(store, tmp_path, "retrain", -9.0, seed=1)
    code, lines, said = command("--run", "cheetah")
    assert code == 0 and other.run_id[:8] in lines[0] and f"run {old.run_id[:8]}: not for the networks" in said
    code, lines, said = command("--run", old.run_id, "--out", "old.agent")
    assert code == 2 and said.strip().endswith("train it anew") and not Path("old.agent").exists()


def test_registered_agents_have_names(store: Store, tmp_path: Path, command: Command) -> None:
    runs = [_agent(store, tmp_path, "reuse", -1.0), _agent(store, tmp_path, "reuse", -8.0, seed=1)]
    for run in runs:
        register(store, "agent-cheetah-reuse", run)
    for name, run in {"agent-cheetah-reuse": runs[1], "agent-cheetah-reuse@champion": runs[0]}.items():
        assert f"run {run.run_id[:8]}" in command("--run", name)[1][0]


def test_equal_agents_are_equal_files(store: Store, other: Store, tmp_path: Path, command: Command) -> None:
    written: list[bytes] = []
    for place in (store, other):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CARRYOVER_ROOT", str(place.root))
            (tmp_path / place.root.name / "parts").mkdir()
            _agent(place, tmp_path / place.root.name / "parts", "reuse", -1.0)
            assert command("--run", "cheetah")[0] == 0
            written.append(Path("cheetah-reuse.agent").read_bytes())
    assert written[0] == written[1]


def test_the_card_says_what_the_runs_say(store: Store, tmp_path: Path, command: Command) -> None:
    run = _agent(store, tmp_path, "reuse", -1.0)
    assert command("--run", "cheetah", "--out", "folder")[0] == 0
    card = Path("folder/CARD.md").read_text()
    assert card == TransferAgent.load("folder").card
    for said in (
        "| return | -1 | -1 | -1 | -2 to 0 |", "| oracle, told the true task | -1 |", "| `steps` | 12345 |",
        "goal error 0.25", "velocity | 1 to 2.5 | 3 | m/s", run.artifact.key, run.artifact.digest,
        "under 5 evaluation seeds, 100 decisions each",
    ):  # fmt: skip
        assert said in card
    code = card.split("```python\n")[1].split("```")[0]
    assert code.strip() == loop(TransferAgent.load("folder").about) and len(code.splitlines()) <= 11
    assert command("--run", "cheetah")[0] == 0
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(PROJECT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_logged_once_as_a_model_of_its_run(store: Store, tmp_path: Path, command: Command) -> None:
    run = _agent(store, tmp_path, "reuse", -1.0)
    first, second = (command("--run", "cheetah", "--mlflow")[1][1] for _ in range(2))
    assert first == second
    place = store.root / first.split("--model-uri ")[1]
    assert (place / "MLmodel").exists() and not list(place.rglob("*.pkl"))
    (model,) = store.client.search_logged_models([store.experiment])
    assert model.source_run_id == run.run_id and model.name == "cheetah-reuse"
    assert store.run(run.run_id).run_id == run.run_id


def test_what_the_repository_carries(store: Store, other: Store, tmp_path: Path, command: Command) -> None:
    run = _agent(store, tmp_path, "reuse", -1.0)
    with pytest.raises(SystemExit) as end:
        pretrained.main(["--out", "carried"])
    assert not end.value.code
    assert {path.name for path in Path("carried").iterdir()} == {"cheetah.agent", "toy-line.tar"}
    assert TransferAgent.load(pretrained.agent_file("cheetah", Path("carried"))).about.origin.key == run.artifact.key
    packing.bring_in(other, Path("carried/toy-line.tar"), say=lambda _: None)
    toy = other.latest("toy_inference")
    assert toy is not None and toy.artifact.key == made_of(store, run)["toy_inference"].artifact.key
    with pytest.raises(UserError, match=r"^pretrained/ant.agent: not there \(there: cheetah\)"):
        pretrained.agent_file("ant", Path("carried"))


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("--run", "hopper"), "no evaluation of hopper is stored yet; `python -m stages.evaluation --body hopper`"),
        (("--run", "agent-ant-reuse"), "run: agent-ant-reuse@latest is not registered"),
        (("--run", "LOW"), "is a run of low_level; name an agent's evaluation, or a body"),
        (("--run", "cheetah", "--out", "."), "--out: . is there already"),
        (("--run", "cheetah", "--out", "file/x.agent"), "--out: file/x.agent: "),
        (("--run", "cheetah", "--body", "walker"), "--body: walker.toml is not what the agent was trained on"),
        ((), "--run"),
    ],
)
def test_mistakes_are_one_line(
    store: Store, tmp_path: Path, command: Command, argv: tuple[str, ...], words: str
) -> None:
    _agent(store, tmp_path, "reuse", -1.0)
    low = store.latest("low_level")
    Path("file").write_text("")
    code, _, said = command(*(low.run_id if low and word == "LOW" else word for word in argv))
    assert (code, said.count("\n")) == (2, 1) and words in said


def test_damaged_parts_are_told(store: Store, tmp_path: Path, command: Command) -> None:
    _agent(store, tmp_path, "reuse", -1.0)
    low = store.latest("low_level")
    assert low is not None
    (low.artifact.folder / MANIFEST).write_text("{}")
    code, _, said = command("--run", "cheetah")
    assert code == 2 and "its low_level is no longer stored; compute it again first" in said
