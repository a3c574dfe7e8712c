"""A Prefect server and a serving process of the tests' own: free port, own home, own store."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flows.place import ROOT, Place, configured
from flows.services import down, up

Command = Callable[..., subprocess.CompletedProcess[str]]


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Where Prefect lives during a file of tests, with an empty store; nothing runs there yet. Stopped at the end."""
    folder = tmp_path_factory.mktemp("prefect")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(folder / "home"))
        patch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{free_port()}/api")
        patch.setenv("CARRYOVER_ROOT", str(folder / "store"))
        (folder / "store").mkdir()
        here = configured()
        yield here
        down(here)


@pytest.fixture
def services(place: Place) -> Place:
    """The place with server and serving process up."""
    up(place)
    return place


@pytest.fixture(scope="module")
def command(place: Place) -> Command:
    """Runs a program of the virtual environment in the project's folder, with the tests' Prefect and store."""

    def run(*words: str, timeout: float = 300.0, **environment: str) -> subprocess.CompletedProcess[str]:
        program = [sys.executable] if words[0].startswith("-") else [str(Path(sys.executable).with_name(words[0]))]
        arguments = words if words[0].startswith("-") else words[1:]
        return subprocess.run(
            [*program, *arguments],
            cwd=ROOT,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run
