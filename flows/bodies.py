"""Bodies that share toys, at one point or several: carry the toys over, and put what the bodies reach into a table.

A comparison is one point; the points of a sweep differ in seed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prefect import Task
from prefect.futures import PrefectFuture

from flows.result import failure
from flows.tasks import stage_task
from flows.transfer import ROUTE_STAGE, evaluation, low_level, toy_inference
from stages.plan import ComparisonSettings, toys_of
from stages.runner import StoredRun

comparison = stage_task("comparison")

Future = PrefectFuture[Any]
#: Hands a task with its arguments to whoever runs it.
Submit = Callable[..., Future]


@dataclass
class Compared:
    """What has become of a point.

    Attributes:
        toys: one per space.
        bodies: everything that a body needs, evaluations last.
        table: the comparison of the bodies that did not fail; None where all did, or it did itself.
        failures: why, by body, in a line.
    """

    toys: list[Future]
    bodies: dict[str, list[Future]]
    table: StoredRun | None = None
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """The failures in a line."""
        return "; ".join(f"{name}: {why}" for name, why in self.failures.items())


def compared(points: Mapping[str, ComparisonSettings], submit: Submit = Task.submit) -> dict[str, Compared]:
    """Carry over and compare, at each point; points by the ending of the names that belong to them."""
    going = _carried_over(points, submit)
    tables = {ending: _table(points[ending], ending, point, submit) for ending, point in going.items()}
    for ending, table in tables.items():
        if table is not None and (failed := failure([table])) is not None:
            going[ending].failures["comparison"] = str(failed.message)
        elif table is not None:
            going[ending].table = table.result()
    return going


def taught(points: Mapping[str, ComparisonSettings], submit: Submit = Task.submit) -> dict[str, Compared]:
    """The toys alone, at each point."""
    going = {ending: Compared(_toys(asked, ending, submit), {}) for ending, asked in points.items()}
    for point in going.values():
        if (failed := failure(point.toys)) is not None:
            point.failures["toy_inference"] = str(failed.message)
    return going


def _table(asked: ComparisonSettings, ending: str, point: Compared, submit: Submit) -> Future | None:
    if (failed := failure(point.toys)) is not None:
        point.failures["toy_inference"] = str(failed.message)
        return None
    point.failures |= {
        Path(body).stem: str(failed.message)
        for body, own in point.bodies.items()
        if (failed := failure(own)) is not None
    }
    bodies = tuple(body for body in point.bodies if Path(body).stem not in point.failures)
    return submit(comparison, asked.settings, bodies=bodies, ending=ending) if bodies else None


def _carried_over(points: Mapping[str, ComparisonSettings], submit: Submit) -> dict[str, Compared]:
    """In the order of the stages, as a task that waits for another may hold a place where one could be computed.

    Within a stage a body at all points before the next body: workers that take turns then share the slower one.
    """
    going = {ending: Compared(_toys(asked, ending, submit), {}) for ending, asked in points.items()}
    own = [[(ending, asked, body) for body in asked.node.bodies] for ending, asked in points.items()]
    bodies = [which for turn in zip(*own, strict=True) for which in turn]
    for ending, asked, body in bodies:
        going[ending].bodies[body] = [submit(low_level, asked.settings, bodies=(body,), ending=ending)]
    ways = [(*which, route) for which in bodies for route in which[1].settings.routes]
    agents = [
        submit(
            ROUTE_STAGE[route],
            asked.settings,
            bodies=(body,),
            ending=ending,
            wait_for=[*going[ending].toys, *going[ending].bodies[body]],
        )
        for ending, asked, body, route in ways
    ]
    evaluations = [
        submit(evaluation, asked.settings, route, (body,), ending=ending, wait_for=[agent])
        for (ending, asked, body, route), agent in zip(ways, agents, strict=True)
    ]
    for (ending, _, body, _), agent, evaluated in zip(ways, agents, evaluations, strict=True):
        going[ending].bodies[body] += [agent, evaluated]
    return going


def _toys(asked: ComparisonSettings, ending: str, submit: Submit) -> list[Future]:
    """One toy per space that the bodies live in."""
    toys = toys_of(asked.node.bodies, asked.settings)
    return [submit(toy_inference, asked.settings, space=toy.space, ending=ending) for toy in toys]
