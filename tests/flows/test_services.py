"""Server and serving process: one of each, restarted when dead, nothing left at the end."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from flows.place import Place, call
from flows.processes import Leader
from flows.services import NAMES, SERVE, SERVER, down, running, up, wait_for_deployment
from tests.flows.conftest import Command


def _leaders(place: Place) -> dict[str, Leader | None]:
    return {name: Leader.read(place.home / f"{name}.json") for name in NAMES}


def test_two_at_once_start_one_of_each(place: Place) -> None:
    with ThreadPoolExecutor(2) as pool:
        started = list(pool.map(up, [place, place]))
    assert sorted(map(len, started)) in ([0, 2], [0, 0])
    assert running(place) == {SERVER, SERVE}
    assert up(place) == frozenset()


def test_deployments_are_served_with_their_form(services: Place) -> None:
    transfer = wait_for_deployment(services, "transfer/cheetah")
    assert transfer["parameters"] == {"body": "cheetah"}
    assert transfer["enforce_parameter_schema"]
    assert transfer["parameter_openapi_schema"]["properties"]["route"]["description"]
    assert wait_for_deployment(services, "stage/low-level")["parameters"] == {"stage": "low_level"}


@pytest.mark.parametrize("name", [SERVE, SERVER])
def test_a_killed_service_is_replaced(services: Place, name: str) -> None:
    before = _leaders(services)
    dead = before[name]
    assert dead is not None
    os.kill(dead.pid, signal.SIGKILL)
    while dead.alive():
        time.sleep(0.05)
    assert name in up(services)
    assert _leaders(services)[name] != dead and running(services) == {SERVER, SERVE}
    assert wait_for_deployment(services, "transfer/cheetah")["parameters"] == {"body": "cheetah"}


def test_a_bad_value_past_the_command_line_is_refused_by_its_form(services: Place) -> None:
    deployment = wait_for_deployment(services, "transfer/cheetah")
    path = f"/deployments/{deployment['id']}/create_flow_run"
    try:
        call(services, "POST", path, {"parameters": {"route": "neither"}})
    except ValueError as error:
        assert "route" in str(error)
    else:
        raise AssertionError("the server took it")


def test_down_leaves_no_process(services: Place, command: Command) -> None:
    leaders = _leaders(services)
    done = command("-m", "flows.services", "down")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert running(services) == frozenset()
    assert [process for leader in leaders.values() if leader for process in leader.session()] == []
    down(services)  # again is no error
