"""Processes that outlive the command that started them: known by id and start time, so that none else is ended."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

#: Two readings of one start time, s.
_SAME = 0.05
_KILL_SECONDS = 3.0


@dataclass(frozen=True)
class Leader:
    """A process that was started in a session of its own.

    Attributes:
        pid: process id, which may have been given to another process since.
        started: start time, s since the epoch.
        purpose: what it was started for.
    """

    pid: int
    started: float
    purpose: str = ""

    @classmethod
    def of(cls, pid: int, purpose: str = "") -> Leader:
        """The live process of an id."""
        return cls(pid, psutil.Process(pid).create_time(), purpose)

    @classmethod
    def read(cls, path: Path) -> Leader | None:
        """As written by ``write``; None without a readable record."""
        try:
            record = json.loads(path.read_text())
            return cls(int(record["pid"]), float(record["started"]), str(record["purpose"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, path: Path) -> None:
        """Leave a record, whole or not at all."""
        aside = path.with_suffix(".new")
        aside.write_text(json.dumps(asdict(self)) + "\n")
        aside.replace(path)

    def alive(self) -> bool:
        """Whether it still runs."""
        try:
            process = psutil.Process(self.pid)
            return _runs(process) and self._is(process)
        except psutil.NoSuchProcess:
            return False

    def children(self) -> list[psutil.Process]:
        """Its own children."""
        try:
            return psutil.Process(self.pid).children() if self.alive() else []
        except psutil.NoSuchProcess:
            return []

    def session(self) -> list[psutil.Process]:
        """Live processes of the session that it leads or led.

        A session outlives its leader, and its number cannot be given away meanwhile. So where a process of that
        number has another start time, it is a stranger and nothing of ours is left.
        """
        with suppress(psutil.NoSuchProcess):
            if not self._is(psutil.Process(self.pid)):
                return []
        members = [process for process in psutil.process_iter() if _session(process.pid) == self.pid]
        return [process for process in members if _runs(process)]

    def _is(self, process: psutil.Process) -> bool:
        return abs(process.create_time() - self.started) < _SAME


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def end(processes: list[psutil.Process], patience: float) -> None:
    """Ask processes to end, and kill those that have not after ``patience`` s."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, left = psutil.wait_procs(processes, timeout=patience)
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=_KILL_SECONDS)
