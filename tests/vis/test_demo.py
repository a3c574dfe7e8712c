"""The demonstration writes a video and a page out of packed agents alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stages.closure import PROJECT
from tests.models.agents import packed_agent
from tests.vis.browser import BROWSER, visit


def _demo(*argv: object, root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vis.demo", *map(str, argv)]
    environment = {**os.environ, "CARRYOVER_ROOT": str(root), "PYTHONPATH": str(PROJECT)}
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Where it was written, and what was said."""
    place = tmp_path_factory.mktemp("demo")
    files = [packed_agent(place, "cheetah"), packed_agent(place, "ant", "retrain")]
    done = _demo("--agents", *files, "--seconds", 1, "--out", "out", root=place)
    assert done.returncode == 0, done.stderr
    return place / "out", done.stdout.splitlines()


def test_one_video_and_one_page(demo: tuple[Path, list[str]]) -> None:
    folder, said = demo
    page = (folder / "demo.html").read_text()
    assert [line.split(":")[0] for line in said[:2]] == ["cheetah-reuse", "ant-retrain"]
    assert "goal +5.10 m" in page and "velocity_y +1.25 m/s" in page and "# A card" in page
    assert said[3] == "out/demo.html" and len(page) < 15_000_000
    if (folder / "demo.mp4").exists():
        assert said[2] == "out/demo.mp4" and "data:video/mp4;base64," in page
    else:
        assert said[2].startswith("no OpenGL") and said[2] in page
    assert not (folder.parent / "mlflow.db").exists()


@pytest.mark.skipif(BROWSER is None, reason="no Chromium here")
def test_the_page_draws_itself(demo: tuple[Path, list[str]], tmp_path: Path) -> None:
    page = visit(demo[0] / "demo.html", tmp_path)
    assert not page.console
    assert page.dom.count("js-plotly-plot") >= 2 * (4 + 8)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("--agents", "none.agent"), "agent: no file or folder none.agent"),
        (("--seconds", "0"), "--seconds: '0' is no number from 1 to 600"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, argv: tuple[str, ...], words: str) -> None:
    done = _demo(*argv, root=tmp_path)
    assert done.returncode == 2 and words in done.stderr and done.stderr.count("\n") == 1
