"""The main job: infer tasks on a toy, obey commands on a body, bring the two together, evaluate, plot.

toy_inference ─┬────────► striding   (route "reuse":   toy policy decides, stride is learnt) ─┐
               └────────► high_level (route "retrain": new high-level policy + stride)       ─┤
low_level(body) ─────────► (both routes)                                                      ├► evaluation ─► plots
                                                                                              ┘
"""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.states import Failed

from envs.errors import UserError
from flows.parameters import check, typed_by
from flows.report import page
from flows.result import publish, rows, settle
from flows.tasks import SIDE_BY_SIDE, stage_task
from flows.verdicts import with_verdicts
from stages.plan import Settings

toy_inference = stage_task("toy_inference")
low_level = stage_task("low_level")
striding = stage_task("striding")
high_level = stage_task("high_level")
evaluation = stage_task("evaluation")
plots = stage_task("plots")

#: What each route trains on top of toy_inference and low_level.
ROUTE_STAGE = {"reuse": striding, "retrain": high_level}


@flow(name="transfer", task_runner=SIDE_BY_SIDE, persist_result=False)
@typed_by(Settings)
@with_verdicts
def transfer(**parameters: Any) -> Any:
    """Carry the toy's task inference over to a body and measure it."""
    try:
        settings = check(parameters)
    except UserError as error:
        return Failed(message=str(error))

    toy = toy_inference.submit(settings)
    body = low_level.submit(settings)
    agents = {route: ROUTE_STAGE[route].submit(settings, wait_for=[toy, body]) for route in settings.routes}
    evaluations = {route: evaluation.submit(settings, route, wait_for=[agents[route]]) for route in settings.routes}
    report = plots.submit(settings, wait_for=list(evaluations.values()))

    runs, failure = settle([toy, body, *agents.values(), *evaluations.values(), report])
    if failure is not None:
        return failure
    table = rows({route: evaluations[route].result() for route in settings.routes})
    publish(table, runs, page(runs[-1], settings.body))
    return None
