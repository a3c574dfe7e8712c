"""The Prefect server and the process that serves the deployments: start, look after, stop.

``python -m flows.services up`` starts what does not run yet, ``down`` stops all of it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from envs.body_files import body_names
from envs.errors import UserError
from flows.place import LOOPBACK, ROOT, Place, answers, call, configured
from flows.processes import Leader, end

SERVER, SERVE = "server", "serve"
NAMES = (SERVE, SERVER)  # in the order of stopping
#: Neither Prefect nor MLflow may report to anyone, and no proxy stands between processes of one machine.
QUIET = {"DO_NOT_TRACK": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "NO_PROXY": ",".join(LOOPBACK)}
_COMMANDS = {SERVER: ["-m", "prefect", "server", "start"], SERVE: ["-m", "flows.serve"]}
_START_SECONDS = 180.0
_STOP_SECONDS = 3.0
_UNDER_WAY = ["RUNNING", "PENDING", "CANCELLING"]


def _leader(place: Place, name: str) -> Leader | None:
    return Leader.read(_pid_file(place, name))


def _pid_file(place: Place, name: str) -> Path:
    return place.home / f"{name}.json"


def running(place: Place) -> frozenset[str]:
    """Names of the services that were started from here, for this address, and still run."""
    leaders = {name: leader for name in NAMES if (leader := _leader(place, name))}
    return frozenset(name for name, leader in leaders.items() if leader.purpose == place.url and leader.alive())


def up(place: Place, tell: Callable[[str], object] | None = None) -> frozenset[str]:
    """Start what does not run yet and wait for the server to answer.

    The serving process may still be registering its deployments on return. Two callers at once start one of each.

    Args:
        place: where.
        tell: gets one line when something has to be started.

    Returns:
        Names of the services that this call started.

    Raises:
        UserError: the port is taken, or a service ended while it started.
    """
    place.home.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(place.home / "services.lock", timeout=_START_SECONDS):
            missing = _missing(place)
            if missing and tell:
                tell(f"starting {' and '.join(sorted(missing))} (logs in {place.home}; `make down` stops them)")
            for name in missing:
                _stop(place, name)  # what a dead leader, or another address, left behind
                _spawn(place, name)
            _wait(lambda: answers(place), place, missing | (running(place) & {SERVER}), "the Prefect server")
    except Timeout as error:
        raise UserError(f"{place.home / 'services.lock'} is held by a start that hangs: run `make down`") from error
    return missing


def _missing(place: Place) -> frozenset[str]:
    there = running(place)
    if SERVER not in there and not answers(place):
        return frozenset(NAMES)  # a serving process that lost its server gives up sooner or later
    return frozenset({SERVE}) - there


def _spawn(place: Place, name: str) -> None:
    environment = os.environ | QUIET | {"PREFECT_HOME": str(place.home.resolve()), "PREFECT_API_URL": place.url}
    environment |= {"PREFECT_SERVER_API_PORT": str(place.port), "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}
    with place.log(name).open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, *_COMMANDS[name]],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        Leader.of(process.pid, place.url).write(_pid_file(place, name))
    except BaseException:  # an interrupt too: without its record nobody could stop it
        process.kill()
        raise


def wait_for_deployment(place: Place, name: str) -> dict[str, Any]:
    """The deployment ``flow/name`` as the API describes it, once it is registered.

    Raises:
        UserError: the serving process ended, or did not register it in time.
    """
    found: dict[str, Any] = {}

    def there() -> bool:
        with suppress(UserError):
            found.update(call(place, "GET", f"/deployments/name/{name}"))
        return bool(found)

    _wait(there, place, (SERVE,) if place.local else (), f"deployment {name}")
    return found


def _wait(ready: Callable[[], bool], place: Place, alive: Iterable[str], what: str) -> None:
    last = time.monotonic() + _START_SECONDS
    while not ready():
        for name in frozenset(alive) - running(place):
            raise UserError(f"the {name} process ended while it started: its last words are in {place.log(name)}")
        if time.monotonic() > last:
            raise UserError(f"waited {_START_SECONDS:.0f} s for {what}: see the logs in {place.home}")
        time.sleep(0.1)


def down(place: Place, names: Iterable[str] = NAMES) -> None:
    """Stop services and all that they started, flow runs included. Nothing to stop is no error.

    Flow runs under way end as cancelled; stages keep their checkpoints.
    """
    if SERVE in names:
        _end_flow_runs(place)
    for name in NAMES:
        if name in names:
            _stop(place, name)


def _stop(place: Place, name: str) -> None:
    leader = _leader(place, name)
    if leader is not None:
        # With its flow runs ended, the serving process has nothing left to put in order.
        end(leader.session(), _STOP_SECONDS if name == SERVER else 0.0)
    _pid_file(place, name).unlink(missing_ok=True)


def _end_flow_runs(place: Place) -> None:
    """End the flow runs under way, and let those that have just ended hand in their logs."""
    leader = _leader(place, SERVE)
    processes = [child for child in leader.children() if _is_flow_run(child)] if leader else []
    under_way = _under_way(place)
    if under_way:
        end(processes, _STOP_SECONDS)
    else:
        psutil.wait_procs(processes, timeout=_STOP_SECONDS)
    state = {"state": {"type": "CANCELLED", "message": "its services were stopped"}, "force": True}
    for flow_run in under_way:
        with suppress(UserError, OSError):
            call(place, "POST", f"/flow_runs/{flow_run}/set_state", state)


def _is_flow_run(process: psutil.Process) -> bool:
    """Whether it is a flow run and not the resource tracker of multiprocessing, which ends with its parent."""
    try:
        return "--multiprocessing-fork" in process.cmdline()
    except psutil.Error:
        return False


def _under_way(place: Place) -> list[str]:
    states = {"flow_runs": {"state": {"type": {"any_": _UNDER_WAY}}}}
    try:
        return [run["id"] for run in call(place, "POST", "/flow_runs/filter", states)]
    except (UserError, OSError):
        return []  # without a server there is nobody to tell


def main() -> None:
    """``up`` or ``down`` from the command line."""
    parser = argparse.ArgumentParser(prog="python -m flows.services", description=__doc__)
    parser.add_argument("what", choices=["up", "down"])
    what = parser.parse_args().what
    try:
        place = configured()
        if what == "down":
            down(place)
        elif not place.local:
            raise UserError(f"api.url is {place.url}, which is not on this machine: start that server where it lives")
        else:
            up(place, lambda line: print(line, file=sys.stderr))
            wait_for_deployment(place, f"transfer/{body_names()[-1]}")
            print(f"Prefect is at {place.page}, the deployments are served")
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
