"""``python -m vis.play --body cheetah``: a page where a person says what is wanted and watches the body infer it."""

from __future__ import annotations

import argparse
import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, Full, Queue
from typing import Any

from envs.errors import UserError
from stages.cli import Parser
from stages.playing import Play, find
from vis.command import AGENT, answer
from vis.play_page import document

#: Frames that wait for a slow page, and seconds until a page without news is asked whether it is still there.
_WAITING, _PATIENCE = 40, 5.0
_LONGEST_REQUEST = 2000


class Show:
    """A body at play in real time, for any number of pages; it rests while nobody looks."""

    def __init__(self, play: Play) -> None:
        self.play = play
        self._lock, self._watchers, self._looked_at = threading.Lock(), list[Queue[str]](), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin, in a thread that ends with the process."""
        self._thread.start()

    def ask(self, wanted: dict[str, Any]) -> None:
        """Take a person's wish between two control steps."""
        with self._lock:
            self.play.ask(wanted)

    @contextmanager
    def watched(self) -> Iterator[Queue[str]]:
        """A queue of frames as JSON, for one page."""
        queue: Queue[str] = Queue(_WAITING)
        self._watchers.append(queue)
        self._looked_at.set()
        try:
            yield queue
        finally:
            self._watchers.remove(queue)
            if not self._watchers:
                self._looked_at.clear()

    def _run(self) -> None:
        due = time.monotonic()
        while self._looked_at.wait():
            with self._lock:
                frame = json.dumps(self.play.step())
            for queue in list(self._watchers):
                with suppress(Full):
                    queue.put_nowait(frame)
            # Behind by more than a step, as after a rest, it does not hurry to catch up.
            due = max(due + self.play.body.dt, time.monotonic())
            time.sleep(max(due - time.monotonic(), 0.0))


class _Handler(BaseHTTPRequestHandler):
    """``/`` the page, ``/stream`` frames as server-sent events, ``/wish`` what a person wants."""

    @property
    def _server(self) -> Server:
        assert isinstance(self.server, Server)
        return self.server

    def do_GET(self) -> None:
        if not self._is_for_us():
            self.send_error(403)
        elif self.path == "/":
            self._send(200, "text/html; charset=utf-8", self._server.page)
        elif self.path == "/stream":
            self._stream()
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        # A page of somebody else's cannot send JSON here without asking first.
        asked = self.headers.get("Content-Type") == "application/json" and self.path == "/wish"
        if not (self._is_for_us() and asked and 0 < length <= _LONGEST_REQUEST):
            self.send_error(403)
            return
        code, said = 200, {}
        try:
            wanted = json.loads(self.rfile.read(length))
            self._server.show.ask(wanted if isinstance(wanted, dict) else {})
        except UserError as error:
            code, said = 400, {"error": str(error)}
        except ValueError:
            code, said = 400, {"error": "no JSON"}
        self._send(code, "application/json", json.dumps(said))

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a line per request helps nobody."""

    def _is_for_us(self) -> bool:
        """Whether the page was reached under this machine's own name."""
        return (self.headers.get("Host") or "").rpartition(":")[0] in ("127.0.0.1", "localhost")

    def _send(self, code: int, kind: str, text: str) -> None:
        content = text.encode()
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        with suppress(ConnectionError), self._server.show.watched() as queue:
            while True:
                try:
                    line = f"data: {queue.get(timeout=_PATIENCE)}\n\n"
                except Empty:
                    line = ": still here\n\n"
                self.wfile.write(line.encode())


class Server(ThreadingHTTPServer):
    """The page's server, on this machine alone."""

    daemon_threads = True

    def __init__(self, show: Show, port: int) -> None:
        self.show, self.page = show, document(show.play.about())
        super().__init__(("127.0.0.1", port), _Handler)


def run(options: argparse.Namespace) -> None:
    """Serve until Ctrl-C."""
    show = Show(Play(find(options.body, options.agent)))
    try:
        server = Server(show, options.port)
    except OSError as error:
        raise UserError(f"--port: {options.port}: {error.strerror}; choose another, or 0 for any") from error
    show.start()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background takes away
    with server, suppress(KeyboardInterrupt):
        print(f"http://127.0.0.1:{server.server_address[1]}  (Ctrl-C ends it)", flush=True)
        server.serve_forever()


def parser() -> Parser:
    """The options of the command."""
    options = Parser(prog="python -m vis.play", description="Say what is wanted of a body and watch it infer that.")
    whose = "whose packed agent, or else the newest in the store (default: cheetah)"
    options.add_argument("--body", default="cheetah", metavar="NAME", help=whose)
    options.add_argument("--agent", metavar="FILE", help=AGENT)
    options.add_argument("--port", type=_port, default=8765, help="on this machine; 0 for any (default: 8765)")
    return options


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port from 0 to 65535")
    return int(text)


if __name__ == "__main__":
    answer(parser(), run)
