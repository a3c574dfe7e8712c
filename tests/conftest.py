"""A store in a folder of the test's own, and a copy of the project with stages that take no time."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

import stages.configs
from envs import body_files
from stages import closure
from stages.store import Store
from stages.store.address import ARTIFACTS, TRACKING

# As in the stages' own processes; two workers whose threads wait for each other take many times as long.
os.environ["OMP_NUM_THREADS"] = "1"

# A store is that of its root, whatever database people have for their own work.
for variable in (TRACKING, ARTIFACTS):
    os.environ.pop(variable, None)

# How long an example takes says nothing on a busy machine.
settings.register_profile("project", deadline=None)
settings.load_profile("project")

_CONFIG = '''
from pydantic import Field
from stages.contract import StageConfig

class {name}(StageConfig):
    """A stage for tests."""
    {body}
    steps: int = Field(3, ge=1, le=100, description="steps")
    pause: float = Field(0.0, ge=0, description="length of a step, s")
    fault: str = Field("", description="how to fail")
'''
_BODY = 'body: str = Field("cheetah", description="body")'
_STAGE = '''
"""A stage for tests."""
import json, time
from envs.errors import UserError
from stages.far import number

def run(config, inputs, out, report):
    checkpoint = out / ".checkpoint"
    checkpoint.mkdir(exist_ok=True)
    done = len(list(checkpoint.iterdir()))
    for i in range(done, config.steps):
        time.sleep(config.pause)
        (checkpoint / str(i)).write_text("")
        report((i + 1) / config.steps, loss=1.0 / (i + 1))
    if config.fault == "user":
        raise UserError("steps: wrong")
    if config.fault == "crash":
        raise RuntimeError("out of luck")
    read = {name: (a.folder / "data.json").read_text() for name, a in sorted(inputs.items())}
    (out / "folder").mkdir()
    (out / "folder" / "more.txt").write_text("more")
    (out / "data.json").write_text(json.dumps([number(), config.seed, config.steps, read]))
    return {"loss": 0.5, "resumed": float(done)}

if __name__ == "__main__":
    from stages.cli import main
    main("STAGE")
'''
TEST_STAGES = {
    "toy_inference": ("ToyInferenceConfig", ""),
    "low_level": ("LowLevelConfig", _BODY),
    "striding": ("StridingConfig", _BODY),
}


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database as MLflow creates it, made once: that takes seconds."""
    store = Store(tmp_path_factory.mktemp("template"))
    assert store.experiment
    return store.database.path


@pytest.fixture
def store(tmp_path: Path, empty_database: Path) -> Store:
    """An empty store."""
    return empty_store(tmp_path / "store", empty_database)


@pytest.fixture
def other(tmp_path: Path, empty_database: Path) -> Store:
    """An empty store on another machine, so to speak."""
    return empty_store(tmp_path / "other", empty_database)


def empty_store(root: Path, database: Path) -> Store:
    """A store at a root that does not exist yet, with a database that MLflow has created."""
    root.mkdir()
    with sqlite3.connect(database) as source, sqlite3.connect(root / "mlflow.db") as target:
        source.backup(target)
    return Store(root)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the project whose stages are quick; keys and children use its sources."""
    copy = tmp_path / "project"
    for room in ("envs", "stages"):
        shutil.copytree(closure.PROJECT / room, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "stages" / "far.py").write_text("from stages.farther import VALUE\n\ndef number():\n    return VALUE\n")
    (copy / "stages" / "farther.py").write_text("VALUE = 1\n")
    for stage, (name, body) in TEST_STAGES.items():
        (copy / "stages" / f"{stage}.py").write_text(_STAGE.replace("STAGE", stage))
        (copy / "stages" / "configs" / f"{stage}.py").write_text(_CONFIG.format(name=name, body=body))
    cheetah = copy / "envs" / "bodies" / "cheetah.toml"  # its recipe is for the real low level
    cheetah.write_text(cheetah.read_text().partition("[training")[0])
    monkeypatch.setattr(body_files, "BODIES", cheetah.parent)
    monkeypatch.setattr(closure, "PROJECT", copy)
    monkeypatch.setattr(stages.configs, "__path__", [str(copy / "stages" / "configs")])
    own = {name: sys.modules.pop(name) for name in list(sys.modules) if name.startswith("stages.configs.")}
    yield copy
    for name in [name for name in sys.modules if name.startswith("stages.configs.")]:
        del sys.modules[name]
    sys.modules.update(own)
