"""Where the server is looked for, and what else may hold its port."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from envs.errors import UserError
from flows.place import ROOT, Place, answers, call, configured
from tests.flows.conftest import Command, free_port


@contextmanager
def answering(**bodies: str) -> Iterator[str]:
    """A server that gives fixed answers by the last part of the path."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = bodies.get(self.path.rsplit("/", 1)[-1])
            self.send_response(404 if body is None else 200)
            self.end_headers()
            self.wfile.write((body or "").encode())

        def log_message(self, format: str, *args: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/api"
    server.shutdown()
    server.server_close()


def test_prefect_toml_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_HOME", raising=False)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    assert configured() == Place(ROOT / ".prefect", "http://127.0.0.1:4200/api")


def test_the_environment_goes_above_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    monkeypatch.setenv("PREFECT_API_URL", "https://prefect.example/api")
    place = configured()
    assert (place.home, place.local) == (tmp_path, False)


def test_nobody_answers(tmp_path: Path) -> None:
    assert not answers(Place(tmp_path, f"http://127.0.0.1:{free_port()}/api"))


def test_a_port_held_by_something_else_is_named(tmp_path: Path) -> None:
    with answering() as url, pytest.raises(UserError, match=r"port \d+ is taken by something that is not a Prefect"):
        answers(Place(tmp_path, url))


def test_a_server_of_another_project_is_named(tmp_path: Path) -> None:
    with answering(health="true", settings='{"home": "/elsewhere"}') as url:
        place = Place(tmp_path, url)
        with pytest.raises(UserError, match="the Prefect server of /elsewhere"):
            answers(place)


def test_a_server_of_this_project_answers(tmp_path: Path) -> None:
    with answering(health="true", settings=f'{{"home": "{tmp_path}"}}') as url:
        assert answers(Place(tmp_path, url))
        assert answers(replace(Place(tmp_path, url), home=tmp_path / "." / ""))


def test_the_command_line_says_it_in_one_line(command: Command, tmp_path: Path) -> None:
    with answering() as url:
        done = command("-m", "flows.services", "up", PREFECT_API_URL=url, PREFECT_HOME=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith("port ") and done.stderr.count("\n") == 1


class _BusyOnce(BaseHTTPRequestHandler):
    """Refuses the first request as a server with a busy database does."""

    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        self.send_response(503 if self.asked == 1 else 200)
        self.end_headers()
        self.wfile.write(b"true")

    def log_message(self, format: str, *args: object) -> None:
        return None


def test_a_busy_server_is_asked_again(tmp_path: Path) -> None:
    with HTTPServer(("127.0.0.1", 0), _BusyOnce) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        assert call(Place(tmp_path, f"http://127.0.0.1:{server.server_port}/api"), "GET", "/health") is True
        server.shutdown()
        thread.join()
    assert _BusyOnce.asked == 2
