"""Inference methods by seeds, on the toy and carried over to bodies: a sweep over methods, and a table of the toys.

            ┌─► toys and bodies, gaussian, seed 0 ─┐
methods ────┼─► toys and bodies, tigr, seed 0     ─┼─► sweep, toy_comparison
            └─► ...                               ─┘
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect import flow
from prefect.states import Failed

from envs.errors import UserError
from flows.bodies import Compared, taught
from flows.parameters import check_methods, typed_by
from flows.result import ON_TOYS, publish, toy_rows
from flows.sweep import about, gathered, on_workers, swept, words_of
from flows.tasks import gathering_task
from flows.verdicts import with_verdicts
from stages.configs.ablations import USUAL
from stages.configs.profiles import of_profile
from stages.configs.toy_comparison import ToyComparisonConfig
from stages.runner import StoredRun
from stages.sweep_plan import MethodsSettings, ending

toy_comparison = gathering_task("toy_comparison")


@flow(name="compare-methods", persist_result=False)
@typed_by(MethodsSettings)
@with_verdicts
def compare_methods(**parameters: Any) -> Any:
    """Compare inference methods over training seeds, on the toys and on bodies."""
    try:
        asked = check_methods(parameters)
    except UserError as error:
        return Failed(message=str(error))

    points, failed = (_taught(asked), "") if asked.toys_only else swept(asked)
    others = [failed]
    if toys := _toys(asked, points):
        methods = {name: method for name, (method, _) in toys.items()}
        runs = {name: run for name, (_, run) in toys.items()}
        profile = of_profile("toy_comparison", asked.profile)
        config = ToyComparisonConfig(seed=asked.seed, toys=methods, **profile)
        table, failed = gathered(toy_comparison, config, runs, about(asked))
        others.append(failed)
        if table is not None:
            publish(toy_rows(table, toys.values()), [*runs.values(), table], table.artifact.folder / "toys.md", ON_TOYS)
    words = words_of(points, *others)
    return Failed(message=words) if words else None


def _taught(asked: MethodsSettings) -> dict[str, Compared]:
    with on_workers(asked) as submit:
        return taught(asked.points, submit)


def _toys(asked: MethodsSettings, points: Mapping[str, Compared]) -> dict[str, tuple[str, StoredRun]]:
    """The toys that were made, with their methods, by input name."""
    named = {ending(place): _named(asked, place) for place in asked.places}
    return {
        f"toy_inference_{number}{ending}": (named[ending], toy.result())
        for ending, point in points.items()
        for number, toy in enumerate(point.toys)
        if toy.state.is_completed()
    }


def _named(asked: MethodsSettings, place: Mapping[str, int | str]) -> str:
    """What a toy is called in the table: its method, and its variant where that is not the usual one."""
    method, variant = place.get("method", asked.methods[0]), place.get("variant", USUAL)
    return str(method) if variant == USUAL else f"{method} - {variant}"
