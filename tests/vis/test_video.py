"""The command that films: packed agents without any store, and what it refuses."""

from __future__ import annotations

import sys
from ctypes.util import find_library
from pathlib import Path

import pytest

from tests.models.agents import packed_agent
from tests.vis.test_commands import typed

needs_opengl = pytest.mark.skipif(
    sys.platform == "linux" and not (find_library("EGL") or find_library("OSMesa")), reason="no EGL, no OSMesa here"
)


@needs_opengl
def test_a_packed_agent_is_filmed_without_a_store(tmp_path: Path) -> None:
    file, out = packed_agent(tmp_path, "walker", "retrain"), tmp_path / "film.gif"
    asked = ("--tasks", "goal:2,velocity:-1", "--seconds", "0.2", "--out", str(out))
    done = typed(tmp_path, "-m", "vis.video", "--agent", str(file), *asked)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(out)] and out.read_bytes().startswith(b"GIF89a")
    assert not (tmp_path / "mlflow.db").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    (
        (("--agent", "none.agent"), "no file or folder none.agent"),
        (("--agent", "nobody"), "pretrained/nobody.agent: not there"),
        (("--agent", "walker", "--run", "1"), "not allowed with argument"),
        (("--agent", "walker", "--body", "walker"), "leave out --body and --route"),
        (("--agent", "walker", "--tasks", "stand:1"), "kinds are velocity, goal"),
    ),
)
def test_mistakes_are_one_line(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    done = typed(tmp_path, "-m", "vis.video", *words)
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1
