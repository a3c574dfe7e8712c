"""Figures of latents: their clusters, what they make of a specification, how they take a change of task."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.vis import synthetic
from vis import plot_clusters, plot_specification, plot_switch


def _ellipses(table: pd.DataFrame) -> list[Any]:
    traces: Any = plot_clusters.figure(table).data
    return [trace for trace in traces if trace.mode == "lines"]


def test_every_cluster_has_an_ellipse_around_its_latents():
    table = synthetic.latents()
    assert len(_ellipses(table)) == 4
    assert len(_ellipses(table.assign(cluster=np.arange(len(table)) % 7))) == 7


def test_the_title_says_how_well_clusters_found_agree_with_base_tasks():
    table = synthetic.latents()
    own = table["base_task"].astype("category").cat.codes
    split: Any = plot_clusters.figure(table.assign(cluster=2 * own + np.arange(len(table)) % 2))
    assert "8 for 4 base tasks, purity 1.000, NMI 0." in split.layout.title.text
    merged: Any = plot_clusters.figure(table.assign(cluster=own // 2))
    assert "2 for 4 base tasks, purity 0.500" in merged.layout.title.text
    labelled: Any = plot_clusters.figure(table)
    assert "purity" not in labelled.layout.title.text


def test_an_ellipse_has_two_standard_deviations():
    rng = np.random.default_rng(0)
    part = synthetic.latents().sample(4000, replace=True, random_state=0).assign(base_task="goal forward")
    wide = part.assign(**{f"z{i}": rng.normal(0.0, 3.0 if i == 0 else 0.01, 4000) for i in range(8)})
    (ellipse,) = _ellipses(wide)
    assert max(ellipse.x) == pytest.approx(6.0, rel=0.05) and min(ellipse.x) == pytest.approx(-6.0, rel=0.05)


def test_every_number_of_a_latent_is_held_against_the_specification():
    table = synthetic.latents()
    traces: Any = plot_specification.figure(table).data
    assert len(traces) == 8 * 4
    assert sum(len(trace.x) for trace in traces) == 8 * len(table)


def test_a_change_of_task_is_where_time_is_zero():
    steps = np.arange(-3, 3)
    table = pd.DataFrame({"step": steps, "before": "goal +1.00 m", "after": "goal -2.00 m"})
    table = table.assign(base_task_after="goal backward", z0=np.where(steps < 0, 1.0, -2.0), z1=0.5)
    figure: Any = plot_switch.figure(table)
    first, _, change = figure.data
    assert list(first.x) == pytest.approx([-0.3, -0.2, -0.1, 0.0, 0.1, 0.2])
    assert list(first.y) == [1.0] * 3 + [-2.0] * 3 and set(change.x) == {0.0}
    assert figure.layout.annotations[0].text == "goal +1.00 m, then goal -2.00 m"
