"""The commands as a user types them, against a store with a real run in it, and against an empty one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stages.keys import key
from stages.store import Store
from tests.vis import synthetic

ROOT = Path(__file__).resolve().parents[2]


def typed(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command typed in the repository root, with its store in another folder."""
    environment = {**os.environ, "CARRYOVER_ROOT": str(root)}
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one toy_inference run."""
    root = tmp_path_factory.mktemp("store")
    store = Store(root)
    parts = {"stage": "toy_inference", "config": {}}
    work = store.work(key(parts))
    work.mkdir(parents=True)
    synthetic.latents().to_parquet(work / "latents.parquet", index=False)
    with store.begin(key(parts), parts, {}) as writer:
        writer.publish(work, key(parts), {})
    return root


def test_latent_map_of_the_newest_run(root: Path, tmp_path: Path) -> None:
    done = typed(root, "vis/plot_latent.py", "--method", "pca", "--out", f"{tmp_path}/new/map.html")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [f"{tmp_path}/new/map.html", f"{tmp_path}/new/map.png"]
    page = (tmp_path / "new" / "map.html").read_text()
    assert "principal component 1" in page
    assert "scatter3d" in page
    assert (tmp_path / "new" / "map.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["map.html", "map.png"]


@pytest.mark.parametrize(
    ("words", "said"),
    (
        (("--run", "nosuchrun"), "nosuchrun"),
        (("--method", "umap"), "--method"),
        (("--colour", "red"), "--colour"),
    ),
)
def test_mistakes_are_one_line(root: Path, words: tuple[str, ...], said: str) -> None:
    done = typed(root, "vis/plot_latent.py", *words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr


def test_an_empty_store_says_which_command_fills_it(tmp_path: Path) -> None:
    done = typed(tmp_path, "vis/plot_strides.py", "--out", str(tmp_path / "strides"))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "python -m stages.evaluation" in done.stderr


@pytest.mark.parametrize("command", ("plot_latent.py", "plot_trajectories.py", "report.py"))
def test_help(tmp_path: Path, command: str) -> None:
    done = typed(tmp_path, f"vis/{command}", "--help")
    assert done.returncode == 0
    assert "--run" in done.stdout
    assert "--out" in done.stdout
