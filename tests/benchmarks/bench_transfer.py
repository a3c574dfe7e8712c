"""The stored evaluation of each route on the reference tasks, beside the oracle of the same route."""

from __future__ import annotations

import pytest

from envs.tasks import reference_fractions
from stages.contract import ROUTES, Route
from stages.plan import Node
from tests.benchmarks.conftest import Runs
from tests.benchmarks.table import Recorder

_BARS = {"goal": 0.10, "velocity": 0.15}
_TIMES_ORACLE, _ABOVE_ORACLE = 1.25, 0.02
_TASKS = 2 * sum(len(reference_fractions(kind)) for kind in _BARS)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("kind", _BARS)
def test_settled_error(runs: Runs, record: Recorder, route: Route, kind: str) -> None:
    artifact = runs(Node("evaluation", route)).artifact
    table, episodes = artifact.json("controls.json"), artifact.table("episodes.parquet")
    agent, oracle = (table[control][f"{kind}_settled"]["mean"] for control in ("agent", "oracle"))
    reference = episodes.query("control == 'agent' and task_set == 'reference'")
    assert len(reference) == _TASKS * reference.seed.nunique()
    what, seeds = f"transfer {route}, {kind}, settled", f"{_TASKS} tasks, {reference.seed.nunique()} seeds"
    by_task = reference.query("kind == @kind").groupby("label").settled.mean()
    note = f"median {table['agent'][f'{kind}_settled']['median']:.4g}, worst {by_task.max():.4g} at {by_task.idxmax()}"
    record.at_most(f"{what} ({seeds})", _BARS[kind], agent, note=note)
    above = max(_TIMES_ORACLE * oracle, oracle + _ABOVE_ORACLE)
    record.at_most(f"{what}, against the oracle", above, agent, note=f"oracle {oracle:.4g}")
