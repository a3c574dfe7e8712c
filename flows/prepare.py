"""What ``prefect deployment run transfer/...`` needs before Prefect looks for a server."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from envs.errors import UserError
from flows.parameters import check, check_comparison, check_methods, check_stage, check_sweep, deployment_names
from flows.place import configured
from flows.services import QUIET, up, wait_for_deployment

_GATHERING = {"compare-bodies": check_comparison, "sweep": check_sweep, "compare-methods": check_methods}


def prepare(name: str, argv: Sequence[str], url: str | None) -> None:
    """Check the parameters of ``flow/deployment`` and start the services, if Prefect talks to this project's server.

    Raises:
        UserError: a mistake in the command line, or a service that does not start.
    """
    if url != (place := configured()).url:
        return
    os.environ.update(QUIET)
    flow, _, deployment = name.partition("/")
    parameters = given_parameters(argv)
    known = deployment_names()[flow]
    if deployment not in known:
        raise UserError(f"{name}: no such deployment; choose one of {', '.join(f'{flow}/{known}' for known in known)}")
    if flow == "transfer":
        check({"body": deployment} | parameters)
    elif flow == "stage":
        check_stage(parameters, deployment.replace("-", "_"))
    else:
        _GATHERING[flow](parameters)
    if place.local:
        up(place, lambda line: print(line, file=sys.stderr))
        wait_for_deployment(place, name)


def given_parameters(argv: Sequence[str]) -> dict[str, Any]:
    """Parameters as the Prefect command line will read them: ``-p key=value`` over ``--params``."""
    several: dict[str, Any] = {}
    single: dict[str, Any] = {}
    for option, value in _options(argv):
        if option == "--params" and value != "-":
            several |= _json("--params", value)
        elif option in ("-p", "--param") and "=" in value:
            key, _, text = value.partition("=")
            single[key] = _value(text)
    return several | single


def _options(argv: Sequence[str]) -> list[tuple[str, str]]:
    """Options with their values, ``--option value`` and ``--option=value`` alike."""
    found = []
    for word, following in zip(argv, [*argv[1:], ""], strict=True):
        if word in ("-p", "--param", "--params"):
            found.append((word, following))
        elif word.startswith(("--param=", "--params=")):
            option, _, value = word.partition("=")
            found.append((option, value))
    return found


def _json(option: str, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise UserError(f"{option}: not JSON ({error})") from error
    if not isinstance(value, dict):
        raise UserError(f"{option}: needs a JSON object, parameter by name")
    return value


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
