"""The page of ``vis.play``: a person asks, the body moves, the belief is shown; it asks its own server alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError

import pytest

from stages.closure import PROJECT
from tests.models.agents import packed_agent
from tests.vis.browser import BROWSER
from tests.vis.driver import opened

_COMMAND = [sys.executable, "-m", "vis.play"]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where an agent with random weights is served; Ctrl-C ends it."""
    file = packed_agent(tmp_path_factory.mktemp("play"))
    command = [*_COMMAND, "--agent", str(file), "--port", "0"]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[0] + "/"
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0


def _post(address: str, wish: object, **headers: str) -> tuple[int, str]:
    body = json.dumps(wish).encode()
    request = urllib.request.Request(f"{address}wish", body, {"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.skipif(BROWSER is None, reason="no Chromium here")
def test_a_person_asks_and_the_page_shows(address: str, tmp_path: Path) -> None:
    with opened(address, tmp_path) as page:
        page.wait("Number(document.body.dataset.frames) > 10")
        before = page.run("document.getElementById('world').toDataURL()")
        page.run("document.getElementById('kind').value = 'goal'; document.getElementById('kind').onchange()")
        page.run("document.getElementById('size').value = -4; document.getElementById('size').onchange()")
        page.wait("frames.at(-1).kind === 'goal' && frames.at(-1).specification === -4")
        assert page.run("document.getElementById('value').textContent") == "-4.00 m"
        assert page.run("about.base_tasks[frames.at(-1).base_task]") == "goal backward"
        page.run("document.getElementById('formula').value = '-abs(vx - 2) / 2'")
        page.run("document.getElementById('own').requestSubmit()")
        page.wait("frames.at(-1).formula === '-abs(vx - 2) / 2' && frames.at(-1).base_task === null")
        page.run("document.getElementById('formula').value = 'fetch(x)'")
        page.run("document.getElementById('own').requestSubmit()")
        page.wait("document.getElementById('said').textContent.startsWith('formula: ')")
        page.run("document.getElementById('again').onclick()")
        page.wait("frames.at(-1).seconds < 5")
        assert before != page.run("document.getElementById('world').toDataURL()")
        assert page.run("document.getElementById('belief').textContent").startswith("believes: ")
        assert page.asked_for() <= {address, f"{address}stream", f"{address}wish", "data:,"}
        # The browser tells of the formula that was refused; that is no fault of the page.
        assert [each for each in page.complaints() if "status of 400" not in json.dumps(each)] == []


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"kind": "fly", "specification": 1}, "kind: no 'fly'; there are: velocity, goal"),
        ({"kind": "goal", "specification": 0}, "specification: a number from 0.2 to 10"),
        ({"kind": "goal", "specification": "1"}, "specification: "),
        ({"formula": "y"}, "formula: no 'y'"),
        ([], "kind: "),
    ],
)
def test_wrong_wishes_are_answered(address: str, wish: object, words: str) -> None:
    code, said = _post(address, wish)
    assert code == 400 and json.loads(said)["error"].startswith(words)


def test_other_pages_of_the_browser_are_kept_out(address: str) -> None:
    assert _post(address, {"restart": True}) == (200, "{}")
    assert _post(address, {"restart": True}, Host="elsewhere.example:80")[0] == 403
    assert _post(address, {"restart": True}, **{"Content-Type": "text/plain"})[0] == 403


@pytest.mark.parametrize(
    ("argv", "words"),
    [(("--agent", "none.agent"), "agent: no file or folder none.agent"), (("--port", "x"), "'x' is no port")],
)
def test_mistakes_are_one_line(argv: tuple[str, ...], words: str, tmp_path: Path) -> None:
    environment = {**os.environ, "CARRYOVER_ROOT": str(tmp_path)}
    done = subprocess.run([*_COMMAND, *argv], cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and words in done.stderr and done.stderr.count("\n") == 1
