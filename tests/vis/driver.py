"""A live page in headless Chromium, asked by its debugging protocol: what ``browser.visit`` cannot wait for."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from websockets.sync.client import connect
from websockets.sync.connection import Connection

from tests.vis.browser import BROWSER

_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--remote-debugging-port=0")


class LivePage:
    """A page that stays open; ``events`` are what the browser told meanwhile."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._number = connection, 0
        self.events: list[dict[str, Any]] = []
        for domain in ("Runtime", "Network", "Log", "Page"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """A method of the protocol, and what it returns."""
        self._number += 1
        self._connection.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._connection.recv(timeout=60))
            if message.get("id") == self._number:
                return message["result"]
            self.events.append(message)

    def run(self, script: str) -> Any:
        """The value of an expression of JavaScript."""
        done = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def wait(self, script: str, seconds: float = 60.0) -> None:
        """Until the page has loaded and an expression is true."""
        began = time.monotonic()
        while not self.run(f"document.readyState === 'complete' && ({script})"):
            assert time.monotonic() - began < seconds, f"never: {script}"
            time.sleep(0.1)

    def asked_for(self) -> set[str]:
        """Addresses that the page asked for."""
        sent = (event for event in self.events if event.get("method") == "Network.requestWillBeSent")
        return {event["params"]["request"]["url"] for event in sent}

    def complaints(self) -> list[dict[str, Any]]:
        """What its console and its scripts complained of."""
        names = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
        return [event for event in self.events if event.get("method") in names]


@contextmanager
def opened(address: str, profile: Path) -> Iterator[LivePage]:
    """A page in a browser of its own."""
    command = [str(BROWSER), *_FLAGS, f"--user-data-dir={profile}", "--window-size=1000,900", "about:blank"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stderr is not None
            found = (re.search(r"ws://127\.0\.0\.1:(\d+)/", line) for line in process.stderr)
            port = next(match.group(1) for match in found if match)
            with urlopen(f"http://127.0.0.1:{port}/json/list", timeout=30) as listed:
                pages = [each for each in json.load(listed) if each["type"] == "page"]
            with connect(pages[0]["webSocketDebuggerUrl"], max_size=None) as connection:
                page = LivePage(connection)
                page.call("Page.navigate", url=address)
                yield page
        finally:
            process.terminate()
