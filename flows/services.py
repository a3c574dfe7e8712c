"""The Prefect server and the process that serves the deployments: start, look after, stop.

``python -m flows.services up`` starts what does not run yet, ``down`` stops all of it. Kept free of Prefect
imports, which take seconds, because every command line goes through here.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import psutil
from filelock import FileLock, Timeout

from envs.errors import UserError

ROOT = Path(__file__).resolve().parent.parent
SERVER, SERVE = "server", "serve"
NAMES = (SERVE, SERVER)  # in the order of stopping
LOOPBACK = ("127.0.0.1", "localhost", "::1")
#: Neither Prefect nor MLflow may report to anyone, and no proxy stands between processes of one machine.
QUIET = {"DO_NOT_TRACK": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "NO_PROXY": ",".join(LOOPBACK)}
_COMMANDS = {
    SERVER: ["-m", "prefect", "server", "start"],
    SERVE: ["-m", "flows.serve"],
}
_START_SECONDS = 180.0
_STOP_SECONDS = 5.0


@dataclass(frozen=True)
class Place:
    """Where Prefect lives.

    Attributes:
        home: folder of its database, logs and pid files.
        url: address of the API, ending in ``/api``.
    """

    home: Path
    url: str

    @property
    def local(self) -> bool:
        """Whether the server is one that may be started here."""
        return urlsplit(self.url).hostname in LOOPBACK

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 4200

    @property
    def page(self) -> str:
        """Address of the user interface."""
        return self.url.removesuffix("/api")

    def log(self, name: str) -> Path:
        return self.home / f"{name}.log"


def configured() -> Place:
    """The place that ``prefect.toml`` names, or the environment variables that Prefect puts above it."""
    written = tomllib.loads((ROOT / "prefect.toml").read_text())
    home = Path(os.environ.get("PREFECT_HOME") or written["home"]).expanduser()
    return Place(ROOT / home, os.environ.get("PREFECT_API_URL") or written["api"]["url"])


def call(place: Place, method: str, path: str, body: object = None, timeout: float = 10.0) -> Any:
    """One request to the API.

    Returns:
        The JSON of the answer, None for an empty one.

    Raises:
        UserError: the server refused; the line holds its reason.
        OSError: no server, or no answer in time.
    """
    data = None if body is None else json.dumps(body).encode()
    request = Request(place.url + path, data, {"Content-Type": "application/json"}, method=method)
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=timeout) as answer:
            text = answer.read()
    except HTTPError as error:
        raise UserError(f"{path}: {_reason(error)}") from error
    return json.loads(text) if text else None


def _reason(error: HTTPError) -> str:
    try:
        return str(json.loads(error.read()).get("detail", error.reason))
    except (ValueError, AttributeError):
        return str(error.reason)


def answers(place: Place) -> bool:
    """Whether this project's server answers.

    Raises:
        UserError: the port is taken by something else, another project's server included.
    """
    try:
        with socket.create_connection((urlsplit(place.url).hostname or "localhost", place.port), timeout=5.0):
            pass
    except OSError:
        return False
    try:
        if call(place, "GET", "/health") is not True:
            raise UserError("no Prefect")
        home = Path(call(place, "GET", "/admin/settings")["home"])
    except (UserError, URLError, ValueError, OSError, KeyError, TypeError) as error:
        raise _taken(place, "something that is not a Prefect server") from error
    # Started by hand in the project's folder, the server knows its home as prefect.toml writes it.
    if home.is_absolute() and home.resolve() != place.home.resolve():
        raise _taken(place, f"the Prefect server of {home}")
    return True


def _taken(place: Place, holder: str) -> UserError:
    return UserError(
        f"port {place.port} is taken by {holder}: stop that, or choose another port "
        "in prefect.toml ([api] url and [server.api] port)"
    )


# --- processes -----------------------------------------------------------------------------------------------


def _pid_file(place: Place, name: str) -> Path:
    return place.home / f"{name}.json"


def _started_at(pid: int) -> float | None:
    """Start time of a live process, s since the epoch; None when it has ended."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None


def _recorded(place: Place, name: str) -> tuple[int, float] | None:
    """Process id and start time as written at the start; None without a readable record."""
    try:
        record = json.loads(_pid_file(place, name).read_text())
        return int(record["pid"]), float(record["started"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _same(started: float | None, recorded: float) -> bool:
    return started is not None and abs(started - recorded) < 0.05


def running(place: Place) -> frozenset[str]:
    """Names of the services that were started from here and still run."""
    records = {name: _recorded(place, name) for name in NAMES}
    return frozenset(name for name, record in records.items() if record and _same(_started_at(record[0]), record[1]))


def _family(pid: int, started: float) -> list[psutil.Process]:
    """Live processes of the session that a service leads.

    A session outlives its leader, and its number cannot be given away meanwhile. So a process of that number
    with another start time is a stranger, and then nothing of ours is left.
    """
    now = _started_at(pid)
    if now is not None and not _same(now, started):
        return []
    return [process for process in psutil.process_iter() if _session(process.pid) == pid]


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


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
    record = {"pid": process.pid, "started": _started_at(process.pid)}
    _pid_file(place, name).write_text(json.dumps(record) + "\n")


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
                _stop(place, [name])  # what a dead leader left behind
                _spawn(place, name)
            _wait(lambda: answers(place), place, missing, "the Prefect server to answer")
    except Timeout as error:
        raise UserError(f"{place.home / 'services.lock'} is held by a start that hangs: run `make down`") from error
    return missing


def _missing(place: Place) -> frozenset[str]:
    needed = frozenset() if answers(place) else frozenset({SERVER})
    return needed | (frozenset({SERVE}) - running(place))


def wait_for_deployment(place: Place, name: str) -> dict[str, Any]:
    """The deployment ``flow/name`` as the API describes it, once it is registered.

    Raises:
        UserError: the serving process ended, or did not register it in time.
    """
    found: dict[str, Any] = {}

    def there() -> bool:
        try:
            found.update(call(place, "GET", f"/deployments/name/{name}"))
        except UserError:
            return False
        return True

    _wait(there, place, (SERVE,), f"deployment {name}")
    return found


def _wait(ready: Callable[[], bool], place: Place, alive: Iterable[str], what: str) -> None:
    end = time.monotonic() + _START_SECONDS
    while not ready():
        for name in frozenset(alive) - running(place):
            raise UserError(f"the {name} process ended while it started: its last words are in {place.log(name)}")
        if time.monotonic() > end:
            raise UserError(f"waited {_START_SECONDS:.0f} s for {what}: see the logs in {place.home}")
        time.sleep(0.1)


def down(place: Place, names: Iterable[str] = NAMES) -> None:
    """Stop services and all that they started, flow runs included. Nothing to stop is no error."""
    if not place.home.exists():
        return
    _stop(place, names)


def _stop(place: Place, names: Iterable[str]) -> None:
    chosen = [name for name in NAMES if name in frozenset(names)]
    records = [record for name in chosen if (record := _recorded(place, name))]
    for pid, started in records:
        if _same(_started_at(pid), started):
            os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + _STOP_SECONDS
    while any(_same(_started_at(*record[:1]), record[1]) for record in records) and time.monotonic() < end:
        time.sleep(0.05)
    left = [process for record in records for process in _family(*record)]
    for process in left:
        _kill(process)
    psutil.wait_procs(left, timeout=_STOP_SECONDS)
    for name in chosen:
        _pid_file(place, name).unlink(missing_ok=True)


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


def main() -> None:
    """``up`` or ``down`` from the command line."""
    parser = argparse.ArgumentParser(prog="python -m flows.services", description=__doc__)
    parser.add_argument("what", choices=["up", "down"])
    place = configured()
    try:
        if parser.parse_args().what == "down":
            down(place)
        elif not place.local:
            raise UserError(f"api.url is {place.url}, which is not on this machine: start that server where it lives")
        else:
            up(place, lambda line: print(line, file=sys.stderr))
            wait_for_deployment(place, "transfer/cheetah")
            print(f"Prefect is at {place.page}, the deployments are served")
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
