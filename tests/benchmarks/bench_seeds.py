"""Whether a result is luck: other training seeds, from the toy on, against the bars of seed 0."""

from __future__ import annotations

import numpy as np
import pytest

from stages.contract import ROUTES, Route
from stages.plan import Node, Settings
from tests.benchmarks.bench_compare import BARS
from tests.benchmarks.conftest import runs_of
from tests.benchmarks.table import Recorder

_KINDS = ("goal", "velocity")


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("seed", [1, 2])
def test_training_seeds(settings: Settings, record: Recorder, seed: int, route: Route) -> None:
    stored = runs_of(settings.model_copy(update={"seed": seed}))
    controls = stored(Node("evaluation", route, (settings.body,))).artifact.json("controls.json")
    agent, bars, what = controls["agent"], BARS[settings.body], f"{settings.body}, {route}, training seed {seed}"
    for kind in _KINDS:
        oracle = controls["oracle"][f"{kind}_settled"]["mean"]
        record.at_most(
            f"{what}, {kind}, settled",
            getattr(bars, kind),
            agent[f"{kind}_settled"]["mean"],
            note=f"oracle {oracle:.4g}",
        )
    assert bars.success is not None
    success = float(np.mean([agent[f"{kind}_success"]["mean"] for kind in _KINDS]))
    record.at_least(f"{what}, success", bars.success, success, note=f"return {agent['return']['mean']:.4g}")
