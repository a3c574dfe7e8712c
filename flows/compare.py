"""Several bodies, one toy per space: carry it over to each of them, and put what they reach into one table.

toy_inference ─┬─► low_level(body 1), striding, high_level ─► evaluation by route ─┐
               └─► low_level(body 2), striding, high_level ─► evaluation by route ─┴─► comparison
"""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.states import Failed

from envs.errors import UserError
from flows.bodies import compared
from flows.parameters import check_comparison, typed_by
from flows.report import page
from flows.result import comparison_rows, publish
from flows.tasks import SIDE_BY_SIDE
from flows.verdicts import with_verdicts
from stages.plan import ComparisonSettings


@flow(name="compare-bodies", task_runner=SIDE_BY_SIDE, persist_result=False)
@typed_by(ComparisonSettings)
@with_verdicts
def compare_bodies(**parameters: Any) -> Any:
    """Compare bodies that share a toy, by route and control. A body that fails is left out, and said at the end."""
    try:
        asked = check_comparison(parameters)
    except UserError as error:
        return Failed(message=str(error))

    (point,) = compared({"": asked}).values()
    if (table := point.table) is not None:
        runs = [*(toy.result() for toy in point.toys), table]
        publish(comparison_rows(table), runs, page(table, "comparison"))
    return Failed(message=point.words) if point.failures else None
