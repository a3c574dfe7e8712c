"""Two machines, so to speak: two roots that share a database and a place for artifacts, every stage for real.

``CARRYOVER_BENCH_TRACKING_URI=postgresql://... CARRYOVER_BENCH_ARTIFACT_ROOT=s3://... make bench ONLY=shared`` runs it
on servers; without these an sqlite file and a folder are shared.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from flows.place import ROOT
from stages.store import Store
from stages.store.address import ARTIFACTS, TRACKING
from stages.store.artifacts import list_files
from tests.benchmarks.table import Recorder

_PROCESSES, _KILLS, _FLIPS = 16, 8, 4
#: Others may have used the database before.
_SEED = int(time.time()) % 1_000_000


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Path]]:
    """Those of the machines; what they share is in the environment."""
    common = tmp_path_factory.mktemp("common")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(TRACKING, os.environ.get("CARRYOVER_BENCH_TRACKING_URI", f"sqlite:///{common}/mlflow.db"))
        patch.setenv(ARTIFACTS, os.environ.get("CARRYOVER_BENCH_ARTIFACT_ROOT", str(common)))
        yield [tmp_path_factory.mktemp("machine") for _ in range(3)]


def _start(root: Path, stage: str, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-P", "-m", f"stages.{stage}", *options]
    environment = os.environ | {"CARRYOVER_ROOT": str(root), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _done(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate(timeout=900)
    assert process.returncode == 0, said
    return said


def _run(root: Path, stage: str, seed: int, *more: str) -> tuple[float, str]:
    """Seconds and what was said."""
    began = time.monotonic()
    said = _done(_start(root, stage, "--profile", "tiny", "--seed", str(seed), *more))
    return time.monotonic() - began, said


def _low_level(root: Path) -> Path:
    run = Store(root).latest("low_level", lambda _: None)
    assert run is not None
    return run.artifact.folder


def test_one_computes_and_the_other_has_it(roots: Sequence[Path], record: Recorder) -> None:
    """A transfer on one machine is a hit on the other, fetched once."""
    where = os.environ[TRACKING].partition(":")[0]
    computed, _ = _run(roots[0], "plots", _SEED)
    (fetched, said), (again, _) = (_run(roots[1], "plots", _SEED) for _ in range(2))
    print(f"{where}: computed in {computed:.1f} s, fetched in {fetched:.1f} s, again in {again:.1f} s")
    assert [list_files(_low_level(root)) for root in roots[:1]] == [list_files(_low_level(root)) for root in roots[1:2]]
    record.at_most(f"shared store ({where}), stages that a second machine computes", 0, said.count("computing"))
    record.at_most(f"shared store ({where}), cached transfer on a second machine, s", 15.0, again)


def test_many_processes_of_two_machines_want_one_key(roots: Sequence[Path], record: Recorder) -> None:
    """One training, whoever begins."""
    options = ("--profile", "tiny", "--seed", str(_SEED + 1))
    processes = [_start(roots[i % 2], "low_level", *options) for i in range(_PROCESSES)]
    said = [_done(process) for process in processes]
    names = {words.strip().splitlines()[-1].rpartition(": ")[2] for words in said}
    asked = [run for run in Store(roots[0]).database.every() if run.tags.get("seed") == str(_SEED + 1)]
    record.at_most(f"shared store, trainings where {_PROCESSES} processes of two machines want one key", 1, len(asked))
    record.at_most("shared store, results that they name", 1, len(names))


def test_a_machine_dies(roots: Sequence[Path], record: Recorder) -> None:
    """The other one neither waits for the dead nor gets other bytes."""
    rng, wrong = random.Random(0), 0
    calm, _ = _run(roots[0], "low_level", _SEED + 2)
    expected = list_files(_low_level(roots[0]))
    for _ in range(_KILLS):
        victim = _start(roots[0], "low_level", "--profile", "tiny", "--seed", str(_SEED + 2), "--force")
        time.sleep(rng.uniform(1.0, calm))
        victim.kill()
        victim.communicate()
        took, _ = _run(roots[1], "low_level", _SEED + 2, "--force")
        print(f"killed; the other took {took:.1f} s, calm {calm:.1f} s")
        wrong += list_files(_low_level(roots[1])) != expected
    left = Store(roots[1]).database.running()
    record.at_most(f"shared store, of {_KILLS} kills of a machine: other bytes on the other", 0, wrong)
    record.at_most("shared store, runs that a killed machine leaves under way", 0, len(left))


def test_damage_where_the_artifacts_lie(roots: Sequence[Path], record: Recorder) -> None:
    """A flipped bit is noticed by who fetches it, and by verify."""
    rng, noticed, wrong = random.Random(1), 0, 0
    _run(roots[0], "low_level", _SEED + 3)
    for i in range(_FLIPS):
        folder, store = _low_level(roots[0]), Store(roots[0])
        expected = list_files(folder)
        path = rng.choice([path for path in sorted(folder.iterdir()) if path.stat().st_size])
        data = bytearray(sound := path.read_bytes())
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        assert store.elsewhere
        store.elsewhere.upload(folder.parent.name, {path.name: path})
        path.write_bytes(sound)
        reader = roots[2] if i % 2 else roots[0]
        if reader == roots[0]:
            command = [sys.executable, "-P", "-m", "stages.store", "verify"]
            environment = os.environ | {"CARRYOVER_ROOT": str(reader), "PYTHONPATH": str(ROOT)}
            noticed += subprocess.run(command, env=environment, check=False).returncode == 1
        said = _run(reader, "low_level", _SEED + 3)[1]
        noticed += i % 2 and "put aside" in said
        _run(roots[0], "low_level", _SEED + 3)
        wrong += list_files(_low_level(roots[0])) != expected
    record.at_least("shared store, flipped bits where the artifacts lie, noticed", _FLIPS, noticed)
    record.at_most("shared store, other bytes after them", 0, wrong)
