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
    done = typed(root, "vis/plot_latent.py", "--method", "pca", "--out", f"{tmp_path}/new/map")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [f"{tmp_path}/new/map.html", f"{tmp_path}/new/map.png"]
    page = (tmp_path / "new" / "map.html").read_text()
    assert "principal component 1" in page
    assert "scatter3d" in page
    assert (tmp_path / "new" / "map.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["map.html", "map.png"]


@pytest.mark.parametrize(("suffix", "begins"), ((".svg", b"<"), (".png", b"\x89PNG"), (".html", b"<!doctype html>")))
def test_a_suffix_asks_for_one_format(root: Path, tmp_path: Path, suffix: str, begins: bytes) -> None:
    done = typed(root, "-m", "vis.plot_latent", "--method", "pca", "--out", f"{tmp_path}/map{suffix}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [f"{tmp_path}/map{suffix}"]
    assert [path.name for path in tmp_path.iterdir()] == [f"map{suffix}"]
    assert (tmp_path / f"map{suffix}").read_bytes().startswith(begins)


@pytest.mark.parametrize(
    ("words", "said"),
    (
        (("--run", "nosuchrun"), "nosuchrun"),
        (("--method", "umap"), "--method"),
        (("--colour", "red"), "--colour"),
        (("--out", "map.pdf"), ".pdf"),
    ),
)
def test_mistakes_are_one_line(root: Path, words: tuple[str, ...], said: str) -> None:
    done = typed(root, "vis/plot_latent.py", *words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr


#: Commands that act on packed agents; all others show what is stored.
ON_AGENTS = ("banner", "demo", "play")
COMMANDS = sorted(
    path.stem
    for path in (ROOT / "vis").glob("*.py")
    if "__main__" in path.read_text(encoding="utf-8") and path.stem not in ON_AGENTS
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(tmp_path: Path, command: str) -> None:
    done = typed(tmp_path, "-m", f"vis.{command}", "--help")
    assert done.returncode == 0
    assert "--run" in done.stdout
    assert "--out" in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_what_fills_an_empty_store(tmp_path: Path, command: str) -> None:
    done = typed(tmp_path, "-m", f"vis.{command}", "--out", str(tmp_path / "out"))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "stored" in done.stderr and "python -m stages." in done.stderr
