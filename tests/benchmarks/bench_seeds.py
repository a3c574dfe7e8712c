"""Whether a result is luck: other training seeds, from the toy on, against the bars of seed 0."""

from __future__ import annotations

import pytest

from stages.contract import ROUTES, Route
from stages.plan import Node, Settings
from tests.benchmarks.bench_compare import BARS, against_bars
from tests.benchmarks.conftest import runs_of
from tests.benchmarks.table import Recorder


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("seed", [1, 2])
def test_training_seeds(settings: Settings, record: Recorder, seed: int, route: Route) -> None:
    body, runs = settings.body, runs_of(settings.model_copy(update={"seed": seed}))
    controls = runs(Node("evaluation", route, (body,))).artifact.json("controls.json")
    against_bars(record, f"{body}, {route}, training seed {seed}", controls["agent"], BARS[body])
