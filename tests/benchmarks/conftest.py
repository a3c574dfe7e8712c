"""Stored artifacts to measure, and the table that collects what was measured."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flows.place import ROOT, Place, configured
from flows.services import down, up, wait_for_deployment
from stages.plan import Node, Settings
from stages.runner import Event, materialise
from stages.store import Store, StoredRun
from tests.benchmarks.table import Recorder, Row, markdown
from tests.flows.conftest import free_port

Runs = Callable[[Node], StoredRun]

_ROWS = pytest.StashKey[list[Row]]()
PROFILE = os.environ.get("CARRYOVER_BENCH_PROFILE", "full")


@pytest.fixture(scope="session")
def settings() -> Settings:
    """What a user gets who chooses nothing."""
    return Settings.model_validate({"profile": PROFILE})


@pytest.fixture(scope="session")
def runs(settings: Settings) -> Runs:
    """The stored run of a node, computed if it is not there."""
    return runs_of(settings)


@pytest.fixture(scope="session")
def all_kinds(settings: Settings) -> Runs:
    """The same where every kind of task is asked for."""
    return runs_of(settings.model_copy(update={"tasks": "all"}))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A Prefect on a port of its own whose database exists, as after a first run; nothing is up."""
    # Whatever ends the benchmarks, the services end with them.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(tmp_path_factory.mktemp("prefect")))
        patch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{free_port()}/api")
        here = configured()
        try:
            bring_up(here)
            down(here)
            yield here
        finally:
            down(here)
            signal.signal(signal.SIGTERM, before)


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Iterator[Recorder]:
    """Takes the benchmark's rows; a missed bar fails it once all of them are in the table."""
    recorder = Recorder(f"make bench ONLY={request.path.stem.removeprefix('bench_')}")
    yield recorder
    request.config.stash.setdefault(_ROWS, []).extend(recorder.rows)
    if recorder.missed:
        pytest.fail("; ".join(recorder.missed), pytrace=False)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table and leave it in ``benchmarks.md``."""
    rows = config.stash.get(_ROWS, [])
    if rows:
        table = markdown(rows, f"Benchmarks ({PROFILE} profile, {os.cpu_count()} cores)")
        Path(ROOT / "benchmarks.md").write_text(table, encoding="utf-8")
        terminalreporter.write_line("\n" + table)


def runs_of(settings: Settings) -> Runs:
    """The same under some settings."""
    store = Store()
    return lambda node: materialise(node, settings, _show, store)


def _show(event: Event) -> None:
    if event.kind in ("miss", "waiting", "done"):
        print(f"{event.node}: {event.kind} {event.note}".rstrip(), file=sys.stderr)
    elif event.kind == "progress" and sys.stderr.isatty():
        print(f"{event.node}: {event.fraction:4.0%}", end="\r", file=sys.stderr)


def bring_up(place: Place) -> None:
    """Server and serving process, with the main deployment registered."""
    up(place)
    wait_for_deployment(place, "transfer/cheetah")
