"""Bodies by routes by seeds: a comparison of the bodies at every seed, and one table over the seeds.

                ┌─► comparison, seed 0 (toys, low levels, agents, evaluations: flows/compare.py) ─┐
sweep, workers ─┼─► comparison, seed 1                                                           ─┼─► sweep
                └─► ...                                                                          ─┘
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from prefect import Task, flow
from prefect.states import Failed
from prefect.task_runners import TaskRunner

from envs.errors import UserError
from flows.bodies import Compared, Future, Submit, compared
from flows.parameters import check_sweep, typed_by
from flows.result import publish, swept_rows
from flows.tasks import gathering_task
from flows.verdicts import with_verdicts
from flows.workers import workers
from stages.configs.sweep import SweepConfig
from stages.plan import labels
from stages.runner import StoredRun
from stages.sweep_plan import SweepSettings

tabulated = gathering_task("sweep")


@flow(name="sweep", persist_result=False)
@typed_by(SweepSettings)
@with_verdicts
def sweep(**parameters: Any) -> Any:
    """Compare bodies by route over several training seeds, on the workers that are asked for."""
    try:
        asked = check_sweep(parameters)
    except UserError as error:
        return Failed(message=str(error))

    points, failed = swept(asked)
    words = words_of(points, failed)
    return Failed(message=words) if words else None


def swept(asked: SweepSettings) -> tuple[dict[str, Compared], str]:
    """Compute and publish a sweep, in a flow; what has become of its points, and why there is no table, if so."""
    with on_workers(asked) as submit:  # which take seconds to end; the table need not wait for that
        points = compared(asked.points, submit)
        if tables := {ending: point.table for ending, point in points.items() if point.table is not None}:
            table, failed = gathered(tabulated, _config(asked, tables), _inputs(tables), about(asked))
            if table is not None:
                _publish(table, tables.values())
            return points, failed
    return points, ""


@contextmanager
def on_workers(asked: SweepSettings) -> Iterator[Submit]:
    """How tasks are handed to the workers that are asked for, as long as these live."""
    with workers(asked.workers, asked.at_once) as pool:
        yield lambda task, *given, **named: _submit(pool, task, *given, **named)


def gathered(task: Task[..., Any], *given: Any) -> tuple[StoredRun | None, str]:
    """What a task that gathers runs made of them, or why it made nothing."""
    state = task(*given, return_state=True)
    return (state.result(), "") if state.is_completed() else (None, str(state.message))


def words_of(points: Mapping[str, Compared], *others: str) -> str:
    """What failed, in a line; nothing where nothing did."""
    failures = [f"{ending.strip('_')}: {point.words}" for ending, point in points.items() if point.failures]
    return "; ".join(filter(None, [*failures, *others]))


def _publish(table: StoredRun, comparisons: Iterable[StoredRun]) -> None:
    publish(swept_rows(table), [*comparisons, table], table.artifact.folder / "sweep.md")


def _submit(pool: TaskRunner[Any], task: Task[..., Any], *given: Any, **named: Any) -> Future:
    """Hand a task to workers of our own choice, which the flow's parameters decide: Prefect knows one kind per flow."""
    wait_for = named.pop("wait_for", None)
    bound = inspect.signature(task.fn).bind(*given, **named)
    bound.apply_defaults()
    return pool.submit(task, dict(bound.arguments), wait_for=wait_for)


def _inputs(tables: Mapping[str, StoredRun]) -> dict[str, StoredRun]:
    return {f"comparison{ending}": table for ending, table in tables.items()}


def _config(asked: SweepSettings, tables: Mapping[str, StoredRun]) -> SweepConfig:
    places = dict(zip(asked.points, asked.places, strict=True))
    return SweepConfig(seed=asked.seed, points={f"comparison{ending}": places[ending] for ending in tables})


def about(asked: SweepSettings) -> dict[str, str]:
    """Tags of what gathers the runs of a sweep."""
    return {"profile": asked.profile, "body": ", ".join(labels(asked.node.bodies))}
