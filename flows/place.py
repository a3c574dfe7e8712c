"""Where Prefect's server lives, and requests to it.

Free of Prefect imports, which take seconds: every command line goes through here.
"""

from __future__ import annotations

import json
import os
import socket
import time
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from envs.errors import UserError

ROOT = Path(__file__).resolve().parent.parent
LOOPBACK = ("127.0.0.1", "localhost", "::1")
#: Where `mlflow ui` serves its pages.
_MLFLOW = "http://127.0.0.1:5000"
#: How long a server with a busy database is asked again, s.
_PATIENCE = 30.0


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
        """Log of a service."""
        return self.home / f"{name}.log"


def mlflow_address(page: str) -> str:
    """Where a page of MLflow is, once `mlflow ui` serves it."""
    return f"{_MLFLOW}/{page}"


def configured() -> Place:
    """The place that ``prefect.toml`` names, or the environment variables that Prefect puts above it."""
    try:
        written = tomllib.loads((ROOT / "prefect.toml").read_text())
        home = Path(os.environ.get("PREFECT_HOME") or written["home"]).expanduser()
        return Place(ROOT / home, os.environ.get("PREFECT_API_URL") or written["api"]["url"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"prefect.toml: cannot read home and api.url from it: {error!r}") from error


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
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            with build_opener(ProxyHandler({})).open(request, timeout=timeout) as answer:
                text = answer.read()
            return json.loads(text) if text else None
        except HTTPError as error:
            # So the server says that its database is busy: nothing was done, and to ask again is safe.
            if error.code != HTTPStatus.SERVICE_UNAVAILABLE or time.monotonic() > until:
                raise UserError(f"{path}: {_reason(error)}") from error
            time.sleep(0.5)


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
    with suppress(ConnectionError):
        return _answers(place)
    time.sleep(0.5)  # one that was killed this moment hangs up; a moment later nobody listens any more
    try:
        return _answers(place)
    except ConnectionError as error:
        raise _taken(place, "something that is not a Prefect server") from error


def _answers(place: Place) -> bool:
    try:
        with socket.create_connection((urlsplit(place.url).hostname or "localhost", place.port), timeout=5.0):
            pass
    except OSError:
        return False
    try:
        if call(place, "GET", "/health") is not True:
            return False
        home = Path(call(place, "GET", "/admin/settings")["home"])
    except TimeoutError:
        return False  # too busy to tell who it is
    except ConnectionError:
        raise
    except (UserError, OSError, ValueError, KeyError, TypeError) as error:
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
