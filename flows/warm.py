"""Flow runs that start as forks of a process which has imported everything already.

A flow run in a fresh interpreter spends ten seconds of processor time on imports, more than all it does
when every stage is in the store. A fork is taken only while the sources are as they were when they were imported;
after an edit, runs start in fresh interpreters again.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing import forkserver
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

import prefect.flow_engine

from flows.services import ROOT

ROOMS = ("envs", "models", "stages", "flows", "vis")
_PRELOAD = ["flows.transfer", "flows.stage", "mlflow.store.tracking.sqlalchemy_store"]


def sources() -> dict[Path, int]:
    """Modification time of every source file of the project, ns."""
    return {path: path.stat().st_mtime_ns for room in ROOMS for path in (ROOT / room).rglob("*.py")}


class WarmProcesses:
    """Stands where Prefect's flow engine looks up ``multiprocessing`` to start a flow run's process."""

    def __init__(self) -> None:
        self._sources = sources()
        self._warm = multiprocessing.get_context("forkserver")
        self._warm.set_forkserver_preload(_PRELOAD)
        forkserver.ensure_running()  # it imports while the server is still starting

    def get_context(self, method: str) -> BaseContext:
        """Forks of the warm process, or what was asked for when the sources have changed."""
        return self._warm if sources() == self._sources else multiprocessing.get_context(method)

    def __getattr__(self, name: str) -> Any:
        return getattr(multiprocessing, name)


def start_warm() -> None:
    """Let the flow runs of this process start warm."""
    prefect.flow_engine.__dict__["multiprocessing"] = WarmProcesses()
