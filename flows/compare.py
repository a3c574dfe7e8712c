"""Several bodies, one toy per space: carry it over to each of them, and put what they reach into one table.

toy_inference ─┬─► low_level(body 1), striding, high_level ─► evaluation by route ─┐
               └─► low_level(body 2), striding, high_level ─► evaluation by route ─┴─► comparison
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.futures import PrefectFuture
from prefect.states import Failed

from envs.errors import UserError
from flows.parameters import check_comparison, typed_by
from flows.result import comparison_rows, failure, publish
from flows.tasks import SIDE_BY_SIDE, stage_task
from flows.transfer import ROUTE_STAGE, evaluation, low_level, toy_inference
from flows.verdicts import with_verdicts
from stages.plan import ComparisonSettings, toy_of

comparison = stage_task("comparison")

Future = PrefectFuture[Any]


@flow(name="compare-bodies", task_runner=SIDE_BY_SIDE, persist_result=False)
@typed_by(ComparisonSettings)
@with_verdicts
def compare_bodies(**parameters: Any) -> Any:
    """Compare bodies that share a toy, by route and control. A body that fails is left out, and said at the end."""
    try:
        asked = check_comparison(parameters)
    except UserError as error:
        return Failed(message=str(error))

    toys = _toys(asked)
    bodies = _carried_over(asked, toys)
    if (failed := failure(toys.values())) is not None:
        return failed
    failures = {body: failed for body, own in bodies.items() if (failed := failure(own)) is not None}
    if compared := tuple(body for body in bodies if body not in failures):
        table = comparison.submit(asked.settings, bodies=compared)
        if (failed := failure([table])) is not None:
            failures["comparison"] = failed
        else:
            run = table.result()
            publish(
                comparison_rows(run),
                [*(toy.result() for toy in toys.values()), run],
                run.artifact.folder / "comparison.md",
            )
    words = "; ".join(f"{Path(name).stem}: {failed.message}" for name, failed in failures.items())
    return Failed(message=words) if words else None


def _toys(asked: ComparisonSettings) -> dict[str | None, Future]:
    """One toy per space that the bodies live in."""
    spaces = dict.fromkeys(toy_of(body, asked.settings).space for body in asked.node.bodies)
    return {space: toy_inference.submit(asked.settings, space=space) for space in spaces}


def _carried_over(asked: ComparisonSettings, toys: Mapping[str | None, Future]) -> dict[str, list[Future]]:
    """Everything that each body needs, evaluations last.

    In the order of the stages, as a task that waits for another holds one of the two places.
    """
    settings, bodies = asked.settings, asked.node.bodies
    pairs = [(body, route) for body in bodies for route in settings.routes]
    futures: dict[str, list[Future]] = {body: [low_level.submit(settings, bodies=(body,))] for body in bodies}
    agents = {
        (body, route): ROUTE_STAGE[route].submit(settings, bodies=(body,), wait_for=[*toys.values(), *futures[body]])
        for body, route in pairs
    }
    evaluations = [
        evaluation.submit(settings, route, (body,), wait_for=[agent]) for (body, route), agent in agents.items()
    ]
    for (body, _), agent, evaluated in zip(pairs, agents.values(), evaluations, strict=True):
        futures[body] += [agent, evaluated]
    return futures
