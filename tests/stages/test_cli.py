"""The command of a stage: options from its config, one line for every mistake."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from envs.body_files import body_path
from stages import plan
from stages.cli import main
from stages.closure import PROJECT
from stages.plan import nodes as whole
from stages.store import Store


@pytest.fixture
def root(store: Store, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CARRYOVER_ROOT", str(store.root))
    return store.root


def _main(capsys: pytest.CaptureFixture[str], stage: str, *argv: str) -> tuple[int, list[str], list[str]]:
    with pytest.raises(SystemExit) as end:
        main(stage, argv)
    said = capsys.readouterr()
    return int(end.value.code or 0), said.out.splitlines(), said.err.splitlines()


def test_runs_then_reuses(root: Path, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = _main(capsys, "low_level", "--body", "cheetah", "--seed", "1", "--steps", "5")
    done = "low_level: done (low-level-cheetah version 1, champion)"
    assert code == 0 and err == ["low_level: computing (no low_level is stored yet)", done]
    assert out[0].split() == ["loss", "0.5"] and "took" in out[-1]
    assert (root / out[-1].split()[-1] / "data.json").read_text() == "[1, 1, 5, {}]"
    code, out, err = _main(capsys, "low_level", "--body", "cheetah", "--seed", "1", "--steps", "5")
    assert (code, err) == (0, ["low_level: stored"]) and "was stored" in out[-1]


def test_dry_run(root: Path, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _main(capsys, "low_level", "--steps", "5")
    code, out, err = _main(capsys, "low_level", "--steps", "6", "--dry-run")
    assert (code, err) == (0, []) and re.fullmatch(r"low_level: to compute: steps 5 -> 6 \(\d s\)", out[0])
    assert len(out) == 2 and re.fullmatch(r"total: 1 of 1 to compute, about \d s", out[1])
    code, out, _ = _main(capsys, "low_level", "--steps", "5", "--force", "--dry-run")
    assert code == 0 and re.fullmatch(r"low_level: to compute: forced \(\d s\)", out[0])


def test_a_stage_and_what_follows(
    root: Path, project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The transfer of the tests' project ends with the striding.
    monkeypatch.setattr(plan, "nodes", lambda settings, last=None: whole(settings, last or plan.Node("striding")))
    code, out, err = _main(capsys, "low_level", "--downstream")
    names = [line.partition(":")[0] for line in err if "computing" in line]
    assert code == 0 and names == ["low_level", "toy_inference", "striding"]
    assert [line.split()[:2] for line in out[-2:]] == [["low_level", "took"], ["striding", "took"]]
    code, out, err = _main(capsys, "low_level", "--downstream", "--force")
    assert err[0] == "low_level: computing (forced)" and err[-1] == "striding: stored"


def test_what_follows_a_toy_is_one_bodys(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("toy_inference", "--downstream", "--dry-run")
    code, out, _ = _main(capsys, *words, "--body", "ant")
    assert code == 0 and out[0].startswith("toy_inference: to compute") and "plots: to compute" in out[-2]
    code, _, err = _main(capsys, *words, "--space", "plane")
    assert (code, len(err)) == (2, 1) and err[0].startswith("space: cheetah needs the toy of 'line'")


def test_what_follows_a_toy_takes_that_of_any_method(
    root: Path, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = _main(capsys, "striding", "--method", "tigr")
    store = Store()
    assert code == 0 and store.client.get_run(Path(out[-1]).parent.name).data.tags["method"] == "tigr"


def test_plots_of_all_kinds_of_tasks(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _main(capsys, "plots", "--tasks", "all", "--dry-run")
    assert code == 0 and out[0].startswith("toy_inference: to compute")
    code, _, err = _main(capsys, "plots", "--tasks", "some", "--dry-run")
    assert (code, len(err)) == (2, 1) and err[0].startswith("tasks: Input should be 'basic' or 'all'")


@pytest.mark.parametrize(
    ("stage", "method", "words"),
    [
        ("evaluation", "guess", "method: Input should be "),
        ("low_level", "tigr", "unrecognized arguments: --method tigr"),
    ],
)
def test_methods_that_are_none(
    root: Path, capsys: pytest.CaptureFixture[str], stage: str, method: str, words: str
) -> None:
    code, _, err = _main(capsys, stage, "--method", method)
    assert (code, len(err)) == (2, 1) and err[0].startswith(words)


def test_help_documents_every_field(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = _main(capsys, "low_level", "--help")
    text = " ".join(" ".join(out).split())
    assert "--learning-rate" in text and "> 0, ≤ 0.1, default: 0.0007" in text


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--steps", "many"], "low_level.steps: "),
        (["--steps", "0"], "low_level.steps: "),
        (["--seed", "-1"], "seed: "),
        (["--body", "nobody"], "body: no 'nobody'"),
        (["--body", "nothing.toml"], "body: no 'nothing.toml'"),
        (["--speed", "1"], "unrecognized arguments: --speed 1"),
        (["--profile", "huge"], "argument --profile: invalid choice: 'huge'"),
    ],
)
def test_mistakes_are_one_line(
    root: Path, project: Path, capsys: pytest.CaptureFixture[str], argv: list[str], words: str
) -> None:
    code, out, err = _main(capsys, "low_level", *argv)
    assert (code, out, len(err)) == (2, [], 1) and words in err[0]


def test_failure_of_a_stage_is_one_line(root: Path, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = _main(capsys, "low_level", "--fault", "crash")
    assert code == 1 and "RuntimeError: out of luck" in err[-1] and len(err) == 2


@pytest.mark.parametrize(("bodies", "words"), [(["cheetah", "mouse"], "no 'mouse'"), (["cheetah"] * 2, "there twice")])
def test_wrong_bodies_are_one_line(
    root: Path, capsys: pytest.CaptureFixture[str], bodies: list[str], words: str
) -> None:
    code, out, err = _main(capsys, "comparison", "--bodies", *bodies)
    assert (code, out, len(err)) == (2, [], 1) and err[0].startswith("bodies: ") and words in err[0]


def test_a_toy_by_its_space(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _main(capsys, "toy_inference", "--space", "plane", "--dry-run")
    assert code == 0 and out[0].startswith("toy_inference_plane: to compute")
    code, _, err = _main(capsys, "toy_inference", "--space", "moon")
    assert (code, len(err)) == (2, 1) and err[0].startswith("toy_inference.space: ") and "'posture'" in err[0]


@pytest.mark.parametrize("command", ["stages.evaluation", "flows.run"])
def test_a_reader_that_has_seen_enough_is_no_failure_of_ours(root: Path, command: str) -> None:
    words = [sys.executable, "-m", command, "--dry-run"]
    with subprocess.Popen(words, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


def test_dry_run_of_a_comparison_names_every_body(
    root: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    twin = tmp_path / "twin.toml"
    twin.write_text(body_path("cheetah").read_text())
    code, out, _ = _main(capsys, "comparison", "--bodies", "cheetah", str(twin), "--route", "reuse", "--dry-run")
    needs = "needs toy_inference_line, evaluation_cheetah_reuse, evaluation_twin_reuse"
    assert (code, out[-2:]) == (0, [f"comparison: to compute: {needs} (?)", "total: 8 of 8 to compute, ?"])


def test_real_stage_as_typed(root: Path) -> None:
    command = [sys.executable, "-m", "stages.low_level", "--body", "cheetah", "--profile", "tiny"]
    done = subprocess.run(command, cwd=PROJECT, env={**os.environ}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    folder = root / done.stdout.split()[-1]
    assert {"controller.safetensors", "manifest.json"} <= {path.name for path in folder.iterdir()}
    assert "goal_error" in done.stdout
