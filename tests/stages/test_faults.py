"""What happens to a store besides: noticed, said in a line, put aside, and nothing wrong served."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from stages.keys import Components, key
from stages.plan import Node, Settings
from stages.runner import Event, materialise
from stages.store import Store, StoredRun
from stages.store.weights import unfit

_NODE = Node("low_level")


def _run(store: Store, seed: int = 0) -> tuple[StoredRun, list[str]]:
    events: list[Event] = []
    run = materialise(_NODE, Settings(seed=seed), events.append, Store(store.root))
    return run, [f"{event.kind} {event.note}" for event in events if event.kind in ("hit", "miss")]


def _swap(one: Path, other: Path) -> None:
    aside = one.with_name("aside")
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def _swap_files(one: Path, other: Path) -> None:
    _swap(one / "data.json", one / "metrics.json")


def _swap_between_runs(one: Path, other: Path) -> None:
    _swap(one / "data.json", other / "data.json")


def _swap_runs(one: Path, other: Path) -> None:
    _swap(one, other)


def _truncate(one: Path, other: Path) -> None:
    os.truncate(one / "data.json", 3)


def _empty(one: Path, other: Path) -> None:
    (one / "manifest.json").write_text("{}")


def _grow(one: Path, other: Path) -> None:
    with (one / "data.json").open("ab") as file:
        file.write(b" ")


def _add(one: Path, other: Path) -> None:
    (one / "folder" / "stranger").write_text("")


def _rewrite_history(one: Path, other: Path) -> None:
    path = one / "components.json"
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 7'))


def _link_out(one: Path, other: Path) -> None:
    """A link to the same bytes elsewhere: they could change there."""
    outside = one.parent / "outside"
    (one / "data.json").rename(outside)
    (one / "data.json").symlink_to(outside)


@pytest.mark.parametrize(
    "deed", [_swap_files, _swap_between_runs, _swap_runs, _truncate, _empty, _grow, _add, _rewrite_history, _link_out]
)
def test_damage_is_said_put_aside_and_computed_again(store: Store, project: Path, deed: object) -> None:
    first, other = _run(store)[0], _run(store, seed=1)[0]
    assert callable(deed)
    deed(first.artifact.folder, other.artifact.folder)
    again, said = _run(store)
    assert len(said) == 1 and said[0].startswith("miss stored low_level") and "put aside as" in said[0]
    assert again.run_id != first.run_id and again.artifact.digest == first.artifact.digest
    assert len(list((store.state / "quarantine").iterdir())) == 1
    assert _run(store)[1] == ["hit "]


def test_a_lock_left_by_a_dead_or_another_process_holds_nobody_up(store: Store, project: Path) -> None:
    run, _ = _run(store)
    for pid in (2**22 + 1, os.getpid(), 1):
        (store.state / "locks" / f"{run.artifact.key}.lock").write_text(str(pid))
        assert materialise(_NODE, Settings(), lambda _: None, Store(store.root), force=True).run_id != run.run_id


def test_a_database_of_a_newer_mlflow_is_one_line(store: Store, project: Path) -> None:
    _run(store)
    with sqlite3.connect(store.database.path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
    assert _run(store)[1] == ["hit "], "what is there can still be read"
    environment = {**os.environ, "CARRYOVER_ROOT": str(store.root), "PYTHONPATH": str(project)}
    command = [sys.executable, "-P", "-m", "stages.low_level", "--seed", "1"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "mlflow.db" in done.stderr.splitlines()[-1], done.stderr
    assert "Traceback" not in done.stderr


def test_runs_of_a_newer_project_are_left_alone(store: Store, project: Path) -> None:
    parts: Components = {"schema": 2, "stage": "low_level", "config": {}, "inputs": {}, "sources": {}, "new": {"a": 1}}
    work = store.work(key(parts))
    work.mkdir(parents=True)
    with store.lock(key(parts)), store.begin(key(parts), parts, {}) as writer:
        writer.publish(work, key(parts), {})
    _, said = _run(store)
    assert len(said) == 1 and "schema 2 -> 1" in said[0]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_have_to_be_finite(tmp_path: Path, value: float) -> None:
    path = tmp_path / "controller.safetensors"
    save_file({"count": torch.tensor([3]), "net.0.weight": torch.tensor([1.0, 2.0])}, path)
    assert unfit(path) is None
    save_file({"net.0.weight": torch.tensor([1.0, value])}, path)
    assert unfit(path) == "controller.safetensors: net.0.weight is not finite"


@pytest.mark.parametrize("data", [b"", b"\x80\x04\x95", b"\xff" * 64, (2**40).to_bytes(8, "little") + b"{}"])
def test_weights_have_to_be_safetensors(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "controller.safetensors"
    path.write_bytes(data)
    assert (unfit(path) or "").startswith("controller.safetensors is no safetensors file")
