"""Prefect plugin: ``prefect deployment run transfer/...``, and the other flows, bring up what they need.

Prefect imports this and calls ``setup_environment`` in each of its processes when plugins are on (``prefect.toml``), so
everything else of the project is imported only when there is something to do.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from prefect.plugins import HookContext, SetupResult, register_hook

_FLOWS = ("transfer/", "stage/", "compare-bodies/", "compare-methods/", "sweep/")


@register_hook
def setup_environment(*, ctx: HookContext) -> SetupResult | None:
    """Check the parameters and start the services when a deployment of this project is asked for."""
    name = requested(sys.argv)
    if name is None:
        return None
    from envs.errors import UserError
    from flows.prepare import prepare

    try:
        prepare(name, sys.argv, ctx.api_url)
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    return None


def requested(argv: Sequence[str]) -> str | None:
    """``flow/deployment`` when this is a ``prefect deployment run`` of one of this project's flows."""
    if Path(argv[0]).name not in ("prefect", "__main__.py") or list(argv[1:3]) != ["deployment", "run"]:
        return None
    return next((word for word in argv[3:] if word.startswith(_FLOWS)), None)
