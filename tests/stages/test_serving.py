"""An agent as an MLflow model answers HTTP requests as it acts itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

import numpy as np
import pytest

from models.agent import TransferAgent
from stages.closure import PROJECT
from stages.store.serving import save_model
from tests.flows.conftest import free_port
from tests.models.agents import write_agent

_PATIENCE = 120.0
#: As where the environment is active: MLflow starts its server by name.
_PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Address of a served agent, and its folder."""
    place = tmp_path_factory.mktemp("serving")
    folder = write_agent(place / "agent")
    save_model(folder, place / "model")
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local", "--port", str(port)]
    with (place / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--model-uri", str(place / "model"), "--workers", "1"],
            cwd=place, stdout=log, stderr=log, start_new_session=True,
            env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONPATH": str(PROJECT), "PATH": _PATH},
        )  # fmt: skip
        try:
            _wait(f"http://127.0.0.1:{port}/ping", process)
            yield f"http://127.0.0.1:{port}/invocations", folder
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(30)


def _wait(address: str, process: subprocess.Popen[bytes]) -> None:
    began = time.monotonic()
    while time.monotonic() - began < _PATIENCE and process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.3)
    raise AssertionError("the server does not answer")


def _ask(address: str, *requests: dict[str, Any]) -> list[dict[str, Any]]:
    body = json.dumps({"inputs": requests}).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["predictions"]


def test_two_bodies_are_answered_as_by_the_agent_itself(served: tuple[str, Path]) -> None:
    address, folder = served
    agents = [TransferAgent.load(folder) for _ in range(2)]
    rng, states = np.random.default_rng(0), ["", ""]
    answers: list[dict[str, Any]] = []
    for _ in range(30):
        seen, earned = rng.normal(size=(2, agents[0].observation_size)), -rng.random(2)
        turns = zip(seen, earned, states, strict=True)
        answers = _ask(address, *({"observation": list(o), "reward": r, "state": s} for o, r, s in turns))
        states = [answer["state"] for answer in answers]
        for agent, answer, o, r in zip(agents, answers, seen, earned, strict=True):
            np.testing.assert_array_equal(np.float32(answer["action"]), agent.act(o, r))
    assert sum(answers[0]["belief"].values()) == pytest.approx(1.0)
    assert set(answers[0]["specification"]) == {"velocity", "goal"}


@pytest.mark.parametrize("request_", [{"observation": [0.0]}, {"observation": [0.0] * 19, "state": "%"}, {"reward": 1}])
def test_what_is_wrong_with_a_request_is_answered(served: tuple[str, Path], request_: dict[str, Any]) -> None:
    with pytest.raises(HTTPError) as error:
        _ask(served[0], request_)
    assert error.value.code in (400, 500)
    assert json.load(error.value)["error_code"] in ("BAD_REQUEST", "INVALID_PARAMETER_VALUE")
