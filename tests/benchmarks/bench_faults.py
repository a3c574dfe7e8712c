"""Kills, damage and races on a store of real stages at the tiny profile, each a bounded number of times."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from envs.errors import UserError
from flows.place import ROOT, Place
from flows.processes import Leader
from flows.services import NAMES, down
from stages.plan import Node, Settings, nodes
from stages.runner import materialise
from stages.store import Store, StoredRun
from tests.benchmarks.table import Recorder

_TINY = Settings(profile="tiny")
_NODES = nodes(_TINY)
_KILLS = int(os.environ.get("CARRYOVER_BENCH_KILLS", "200"))
_FLIPS, _DATABASE_FLIPS, _PROCESSES, _FLOW_KILLS = 400, 100, 16, 6


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, dict[Node, StoredRun]]:
    """A store with every stage of a transfer, computed without interruption."""
    store = Store(tmp_path_factory.mktemp("whole"))
    return store, {node: materialise(node, _TINY, lambda _: None, store) for node in _NODES}


def _command(node: Node) -> list[str]:
    route = ["--route", node.route] if node.route else []
    return [sys.executable, "-P", "-m", f"stages.{node.stage}", "--profile", "tiny", *route]


def _start(node: Node, root: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"CARRYOVER_ROOT": str(root), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        _command(node), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def _killed(process: subprocess.Popen[str], after: float, rng: random.Random) -> bool:
    """Whether the command, or the stage that it runs, was killed; it may have ended before."""
    try:
        process.wait(after)
        return False
    except subprocess.TimeoutExpired:
        pass
    stages = psutil.Process(process.pid).children() if process.poll() is None else []
    victim = rng.choice([process.pid, *(child.pid for child in stages)])
    os.kill(victim, signal.SIGKILL)
    process.communicate()
    return True


def test_kills(whole: tuple[Store, dict[Node, StoredRun]], tmp_path: Path, record: Recorder) -> None:
    """Every stage, killed again and again at random moments and then left in peace, gives the bytes of a calm run."""
    rng, kills, wrong, ends = random.Random(0), 0, list[str](), 0
    while kills < _KILLS:
        root = tmp_path / f"store {ends}"
        root.mkdir()
        for node in _NODES:
            for _ in range(rng.randint(2, 5)):
                began = time.monotonic()
                kills += _killed(_start(node, root), rng.uniform(0.2, 1.1 * _calm_seconds(whole[1][node])), rng)
                assert time.monotonic() - began < 120.0
            wrong += _rerun(node, root, whole[1][node])
            ends += 1
            print(f"{kills} kills, {ends} reruns, wrong: {wrong}", flush=True)
        shutil.rmtree(root)
    record.at_least("faults, kill -9 of a stage or its command", _KILLS, kills)
    record.at_most(
        f"faults, of {ends} reruns after kills: not ended well, or other bytes", 0, len(wrong), note="; ".join(wrong)
    )


def test_flow_is_killed(
    whole: tuple[Store, dict[Node, StoredRun]],
    place: Place,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record: Recorder,
) -> None:
    """`make run` or a service of it is killed; run again it ends with the bytes of a calm run."""
    rng, store = random.Random(3), Store(tmp_path)
    monkeypatch.setenv("CARRYOVER_ROOT", str(tmp_path))
    command = [sys.executable, "-m", "flows.run", "--profile", "tiny"]
    for _ in range(_FLOW_KILLS):
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(5.0, 40.0))
        services = [leader.pid for name in NAMES if (leader := Leader.read(place.home / f"{name}.json"))]
        with suppress(ProcessLookupError):
            os.kill(rng.choice([process.pid, *services]), signal.SIGKILL)
        process.terminate()
        process.wait()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    down(place)
    assert done.returncode == 0, done.stderr + done.stdout
    calm = {node: run.artifact.digest for node, run in whole[1].items()}
    found = {node: store.find(run.artifact.key) for node, run in whole[1].items()}
    other = [str(node) for node, run in found.items() if run is None or run.artifact.digest != calm[node]]
    what = f"faults, stages with other bytes after {_FLOW_KILLS} kills of the flow's command, server or serving process"
    record.at_most(what, 0, len(other), note=", ".join(other))


def _calm_seconds(run: StoredRun) -> float:
    """With the time that a command takes to start."""
    return run.seconds + 4.0


def _rerun(node: Node, root: Path, calm: StoredRun) -> list[str]:
    process = _start(node, root)
    said, _ = process.communicate(timeout=300)
    if process.returncode:
        return [f"{node}: {said.strip().splitlines()[-1]}"]
    stored = Store(root).latest(node.stage)
    same = stored is not None and stored.artifact.digest == calm.artifact.digest
    return [] if same else [f"{node}: other bytes"]


def _flip(path: Path, rng: random.Random) -> None:
    data = bytearray(path.read_bytes())
    place = rng.randrange(8 * len(data))
    data[place // 8] ^= 1 << (place % 8)
    path.write_bytes(data)


def test_flipped_bits(whole: tuple[Store, dict[Node, StoredRun]], tmp_path: Path, record: Recorder) -> None:
    """One bit anywhere in an artifact: noticed at the next look, never served."""
    rng, noticed = random.Random(1), 0
    store = _copied(whole[0], tmp_path / "copy")
    runs = list(whole[1].values())
    for _ in range(_FLIPS):
        run = rng.choice(runs)
        folder = store.folder(run.run_id, run.artifact.folder.parent.parent.name)
        path = rng.choice([p for p in sorted(folder.rglob("*")) if p.is_file() and p.stat().st_size])
        with _restored(store, folder):
            _flip(path, rng)
            said: list[str] = []
            noticed += store.find(run.artifact.key, said.append) is None and len(said) == 1
    record.at_least("faults, single-bit flips in artifacts, noticed", _FLIPS, noticed)


def test_flipped_bits_in_the_database(
    whole: tuple[Store, dict[Node, StoredRun]], tmp_path: Path, record: Recorder
) -> None:
    """One bit anywhere in ``mlflow.db``: what is served, if anything, is what was published."""
    rng, served_wrong = random.Random(2), 0
    store = _copied(whole[0], tmp_path / "copy")
    sound = store.database.path.read_bytes()
    for _ in range(_DATABASE_FLIPS):
        _flip(store.database.path, rng)
        for run in whole[1].values():
            try:
                found = Store(store.root).find(run.artifact.key, lambda _: None)
            except UserError:
                continue  # said in a line
            served_wrong += found is not None and found.artifact.digest != run.artifact.digest
        for leftover in store.root.glob("mlflow.db*"):
            leftover.unlink()
        store.database.path.write_bytes(sound)
        _bring_back(store)
    record.at_most(f"faults, of {_DATABASE_FLIPS} single-bit flips in the database, served wrong", 0, served_wrong)


def _copied(store: Store, root: Path) -> Store:
    shutil.copytree(store.root, root)
    copied = Store(root)
    assert copied.experiment
    return copied


@contextmanager
def _restored(store: Store, folder: Path) -> Iterator[None]:
    """Put an artifact back, and out of quarantine, at the end."""
    aside = folder.with_name("pristine")
    shutil.copytree(folder, aside)
    yield
    shutil.rmtree(folder, ignore_errors=True)
    aside.replace(folder)
    if "quarantined" in store.client.get_run(folder.parent.name).data.tags:
        store.client.delete_tag(folder.parent.name, "quarantined")


def _bring_back(store: Store) -> None:
    for aside in (store.state / "quarantine").glob("*-1"):
        (found,) = store.root.glob(f"mlruns/*/{aside.name.removesuffix('-1')}")
        aside.replace(found / "artifacts")


def test_many_processes_want_one_key(tmp_path: Path, record: Recorder) -> None:
    """A cold store and a cold key: one training, as many results."""
    node = Node("low_level")
    processes = [_start(node, tmp_path) for _ in range(_PROCESSES)]
    said = [process.communicate(timeout=600)[0] for process in processes]
    assert all(process.returncode == 0 for process in processes), said
    folders = {words.strip().splitlines()[-1].rpartition(": ")[2] for words in said}
    computed = [
        run
        for status in ("FINISHED", "FAILED", "KILLED")
        for run in Store(tmp_path).database.runs(status, "stage", "low_level")
    ]
    record.at_most(f"faults, trainings where {_PROCESSES} processes want one cold key", 1, len(computed))
    record.at_most(f"faults, results that the {_PROCESSES} processes name", 1, len(folders))
    assert not any("locked" in words for words in said)
