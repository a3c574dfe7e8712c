"""The process that serves the deployments: registers them and runs what is asked for.

``python -m flows.serve`` runs until it is stopped. It may start before the server answers, and a body described
while it runs gets its deployment within seconds.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from prefect import Flow
from prefect.runner import Runner

from envs.body_files import body_names
from envs.errors import UserError
from flows.compare import compare_bodies
from flows.methods import compare_methods
from flows.place import answers, configured
from flows.stage import stage
from flows.sweep import sweep
from flows.transfer import transfer
from stages.plan import STAGES
from stages.store import Store

_BODIES_SECONDS = 2.0


Name = tuple[str, str]
Adder = Callable[[Runner], Awaitable[object]]


def deployments() -> dict[Name, Adder]:
    """What is served: (flow, deployment) and how to register it."""
    return (
        {("transfer", body): _adder(transfer, body, {"body": body}) for body in body_names()}
        | {("compare-bodies", "all"): _adder(compare_bodies, "all", {}), ("sweep", "all"): _adder(sweep, "all", {})}
        | {("compare-methods", "all"): _adder(compare_methods, "all", {})}
        | {("stage", name.replace("_", "-")): _adder(stage, name.replace("_", "-"), {"stage": name}) for name in STAGES}
    )


def _adder(flow: Flow[..., object], name: str, defaults: Mapping[str, object]) -> Adder:
    return lambda runner: runner.aadd_flow(flow, name=name, parameters=dict(defaults))


async def serve() -> None:
    """Serve the first deployment at once, the others as they are registered, until stopped."""
    place = configured()
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.to_thread(_create_store))
        while not answers(place):
            await asyncio.sleep(0.1)
        runner = Runner(name="carryover", pause_on_shutdown=False)
        first, *_ = deployments().items()
        await _register(runner, dict([first]))
        follower = group.create_task(_keep_registered(runner, {first[0]}))
        await runner.start()
        follower.cancel()


def _create_store() -> None:
    with suppress(UserError):  # what is wrong with it, the first run says
        Store().create()


async def _register(runner: Runner, wanted: Mapping[Name, Adder]) -> None:
    for name, add in wanted.items():
        await add(runner)
        print(f"serving {'/'.join(name)}", flush=True)


async def _keep_registered(runner: Runner, known: set[Name]) -> None:
    """Register what is not known yet, now and whenever a body is described."""
    while True:
        missing = {name: add for name, add in deployments().items() if name not in known}
        await _register(runner, missing)
        known = known | missing.keys()
        await asyncio.sleep(_BODIES_SECONDS)


if __name__ == "__main__":
    try:
        asyncio.run(serve())
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
