"""Only what was started here is ended."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from flows.processes import Leader, end

_FAMILY = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', '{child}']); {leader}"
_SLEEP = "import time; time.sleep(60)"


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", _SLEEP], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def test_record_round_trip(sleeper: subprocess.Popen[bytes], tmp_path: Path) -> None:
    leader = Leader.of(sleeper.pid)
    leader.write(tmp_path / "leader.json")
    assert Leader.read(tmp_path / "leader.json") == leader
    assert leader.alive()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"pid": 1, "started": 2}', '{"pid": 1}', '{"pid": "x", "started": 0}']
)
def test_a_damaged_record_is_no_record(tmp_path: Path, text: str) -> None:
    (tmp_path / "leader.json").write_text(text)
    assert Leader.read(tmp_path / "leader.json") is None


def test_a_recycled_number_is_a_stranger(sleeper: subprocess.Popen[bytes]) -> None:
    earlier = Leader(sleeper.pid, Leader.of(sleeper.pid).started - 100)
    assert not earlier.alive()
    assert earlier.session() == []
    assert earlier.children() == []


def test_the_session_outlives_its_leader() -> None:
    leader = subprocess.Popen(
        [sys.executable, "-c", _FAMILY.format(child=_SLEEP, leader="print(flush=True); time.sleep(60)")],
        start_new_session=True,
        stdout=subprocess.PIPE,
    )
    assert leader.stdout is not None
    leader.stdout.readline()
    record = Leader.of(leader.pid)
    leader.kill()
    leader.wait()
    assert not record.alive()
    orphans = record.session()
    assert len(orphans) == 1
    end(orphans, 3.0)
    assert not any(psutil.pid_exists(orphan.pid) and orphan.is_running() for orphan in orphans)
