"""One stage alone: its inputs come from the store, what is missing is computed first."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.states import Failed
from pydantic import BaseModel, Field

from envs.errors import UserError
from flows.parameters import check, typed_by, wanted
from flows.result import comparison_rows, publish, rows, settle
from flows.tasks import stage_task
from stages.plan import STAGES, Settings

#: The page of a stage that makes one.
REPORTS = {"plots": "report.html", "comparison": "comparison.md"}


class Choice(BaseModel):
    """The parameter that the flow ``stage`` has beside the settings."""

    stage: str = Field("toy_inference", description="stage to bring up to date", json_schema_extra={"enum": [*STAGES]})


@flow(name="stage", persist_result=False)
@typed_by(Choice, Settings)
def stage(**parameters: Any) -> Any:
    """Bring one stage up to date."""
    name: str = parameters.pop("stage")
    try:
        settings = check(parameters, name)
    except UserError as error:
        return Failed(message=str(error))
    chosen = wanted(name, settings)
    runs, failure = settle([stage_task(name).submit(settings, node.route, node.bodies) for node in chosen])
    if failure is not None:
        return failure
    evaluations = {node.route: run for node, run in zip(chosen, runs, strict=True) if node.route}
    table = comparison_rows(runs[0]) if name == "comparison" else rows(evaluations)
    publish(table, runs, runs[0].artifact.folder / REPORTS[name] if name in REPORTS else None)
    return None
