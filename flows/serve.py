"""The process that serves the deployments: registers them and runs what is asked for.

``python -m flows.serve`` runs until it is stopped. It may start before the server answers, and a body described
while it runs gets its deployment within seconds.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping

from prefect import Flow
from prefect.runner import Runner

from envs.body_files import body_names
from envs.errors import UserError
from flows.services import answers, configured
from flows.stage import stage
from flows.transfer import transfer
from stages.plan import STAGES

_POLL_SECONDS = 0.5
_BODIES_SECONDS = 2.0


def deployments() -> dict[tuple[str, str], Callable[[Runner], Awaitable[object]]]:
    """What is served: (flow, deployment) and how to register it."""
    return {("transfer", body): _adder(transfer, body, {"body": body}) for body in body_names()} | {
        ("stage", name): _adder(stage, name, {"stage": value}) for value in STAGES for name in [value.replace("_", "-")]
    }


def _adder(flow: Flow[..., object], name: str, defaults: Mapping[str, object]) -> Callable[[Runner], Awaitable[object]]:
    return lambda runner: runner.aadd_flow(flow, name=name, parameters=dict(defaults))


async def serve() -> None:
    """Register every deployment, then run flow runs until stopped."""
    place = configured()
    while not answers(place):
        await asyncio.sleep(0.1)
    runner = Runner(name="carryover", query_seconds=_POLL_SECONDS, pause_on_shutdown=False)
    registered = await _register(runner, set())
    async with asyncio.TaskGroup() as group:
        follower = group.create_task(_follow_bodies(runner, registered))
        await runner.start()
        follower.cancel()


async def _register(runner: Runner, known: set[tuple[str, str]]) -> set[tuple[str, str]]:
    wanted = deployments()
    for name in wanted.keys() - known:
        await wanted[name](runner)
        print(f"serving {'/'.join(name)}", flush=True)
    return known | wanted.keys()


async def _follow_bodies(runner: Runner, known: set[tuple[str, str]]) -> None:
    while True:
        await asyncio.sleep(_BODIES_SECONDS)
        known = await _register(runner, known)


if __name__ == "__main__":
    try:
        asyncio.run(serve())
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
