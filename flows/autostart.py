"""Prefect plugin: ``prefect deployment run transfer/...`` brings up what it needs.

Prefect calls ``setup_environment`` whenever it is imported with plugins on (``prefect.toml``), so everything here
is guarded by the command line and costs nothing elsewhere.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect.plugins import HookContext, SetupResult, register_hook

from envs.body_files import body_names
from envs.errors import UserError
from flows.place import Place, configured
from flows.services import QUIET, up, wait_for_deployment


@register_hook
def setup_environment(*, ctx: HookContext) -> SetupResult | None:
    """Check the parameters and start the services when a deployment of this project is asked for."""
    name = requested(sys.argv)
    if name is None or ctx.api_url != (place := configured()).url:
        return None
    os.environ.update(QUIET)
    try:
        _prepare(place, name, sys.argv)
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    return None


def requested(argv: Sequence[str]) -> str | None:
    """``flow/deployment`` when this is a ``prefect deployment run`` of one of this project's flows."""
    if Path(argv[0]).name not in ("prefect", "__main__.py") or list(argv[1:3]) != ["deployment", "run"]:
        return None
    return next((word for word in argv[3:] if word.startswith(("transfer/", "stage/"))), None)


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


def _prepare(place: Place, name: str, argv: Sequence[str]) -> None:
    from flows.parameters import check
    from stages.plan import STAGES

    flow, _, deployment = name.partition("/")
    parameters = given_parameters(argv)
    known = body_names() if flow == "transfer" else [stage.replace("_", "-") for stage in STAGES]
    if deployment not in known:
        raise UserError(f"{name}: no such deployment; choose one of {', '.join(f'{flow}/{known}' for known in known)}")
    if flow == "transfer":
        check({"body": deployment} | parameters)
    else:
        check(parameters, deployment.replace("-", "_"))
    if place.local:
        up(place, lambda line: print(line, file=sys.stderr))
        wait_for_deployment(place, name)
