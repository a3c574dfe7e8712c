"""One stage alone, or with all that follows from it: inputs come from the store, what is missing is computed first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect import flow
from prefect.futures import PrefectFuture
from prefect.states import Failed
from pydantic import BaseModel, Field

from envs.errors import UserError
from flows.parameters import check_stage, following, typed_by, wanted
from flows.report import page
from flows.result import comparison_rows, publish, rows, settle
from flows.tasks import SIDE_BY_SIDE, stage_task
from flows.verdicts import with_verdicts
from stages.plan import STAGES, Node, Settings, StageChoice, parents
from stages.runner import StoredRun


class Choice(BaseModel):
    """The parameter that the flow ``stage`` has beside those that its command has."""

    stage: str = Field("toy_inference", description="stage to bring up to date", json_schema_extra={"enum": [*STAGES]})


@flow(name="stage", task_runner=SIDE_BY_SIDE, persist_result=False)
@typed_by(Choice, StageChoice, Settings)
@with_verdicts
def stage(**parameters: Any) -> Any:
    """Bring one stage up to date, and what depends on it if that is wanted."""
    name: str = parameters.pop("stage")
    try:
        choice, settings = check_stage(parameters, name)
    except UserError as error:
        return Failed(message=str(error))
    chosen = wanted(name, settings)
    futures: dict[Node, PrefectFuture[Any]] = {}
    for node in [*chosen, *following(name, choice, settings)]:
        before = [futures[parent] for parent in parents(node, settings).values() if parent in futures]
        arguments = (settings, node.route, node.bodies, node.space, choice.force and node in chosen)
        futures[node] = stage_task(node.stage).submit(*arguments, wait_for=before)
    runs, failure = settle(futures.values())
    if failure is not None:
        return failure
    _publish(dict(zip(futures, runs, strict=True)), settings.body)
    return None


def _publish(runs: Mapping[Node, StoredRun], body: str) -> None:
    """The table of a comparison, or of the evaluations there are, and the page that was made."""
    compared = next((run for node, run in runs.items() if node.stage == "comparison"), None)
    evaluations = {node.route: run for node, run in runs.items() if node.stage == "evaluation" and node.route}
    names = {"plots": body, "comparison": "comparison"}
    shown = next((page(run, names[node.stage]) for node, run in runs.items() if node.stage in names), None)
    publish(comparison_rows(compared) if compared else rows(evaluations), runs.values(), shown)
