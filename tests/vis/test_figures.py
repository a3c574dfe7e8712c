"""Properties that every figure has: one colour per base task, units on every axis, words under the pointer."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from envs.palette import BASE_TASK_COLOURS
from envs.tasks import BASE_TASKS, LINE
from tests.vis import synthetic
from vis import (
    plot_belief,
    plot_falls,
    plot_latent,
    plot_learning,
    plot_results,
    plot_strides,
    plot_tracking,
    plot_trajectories,
)
from vis.raster import plain_picture
from vis.style import control_colour, shade, shades
from vis.tables import numbers, rows

FIGURES: dict[str, Callable[[], go.Figure]] = {
    "latent": lambda: plot_latent.figure(plot_latent.embed(synthetic.latents(), ["pca"]), "pca"),
    "trajectories": lambda: plot_trajectories.figure(synthetic.trajectories()),
    "belief": lambda: plot_belief.figure(synthetic.trajectories()),
    "falls": lambda: plot_falls.figure(synthetic.episodes()),
    "strides": lambda: plot_strides.figure(synthetic.trajectories()),
    "tracking": lambda: plot_tracking.figure(synthetic.tracking()),
    "learning": lambda: plot_learning.figure(synthetic.learning_curve(), "low_level"),
    "results": lambda: plot_results.figure(synthetic.controls(), "cheetah"),
}


def axis_titles(figure: go.Figure) -> list[str]:
    """Titles of all axes; an axis of categories needs none."""
    layout = figure.to_dict()["layout"]
    axes = [axis for name, axis in layout.items() if re.fullmatch(r"[xy]axis\d*", name)]
    axes += [scene[f"{k}axis"] for name, scene in layout.items() if name.startswith("scene") for k in "xyz"]
    return [axis.get("title", {}).get("text", "") for axis in axes if "categoryarray" not in axis]


def traces(figure: go.Figure) -> list[Any]:
    """The traces, without plotly's own types."""
    return list(figure.data)


@pytest.mark.parametrize("name", FIGURES)
def test_every_axis_names_its_unit(name: str) -> None:
    titles = axis_titles(FIGURES[name]())
    assert titles
    assert all(re.search(r"\S \([^)]+\)$", title) for title in titles), titles


@pytest.mark.parametrize("name", FIGURES)
def test_every_trace_says_something_under_the_pointer(name: str) -> None:
    for trace in traces(FIGURES[name]()):
        assert trace.hovertemplate or trace.hoverinfo == "skip", trace.name


@pytest.mark.parametrize("name", FIGURES)
def test_matplotlib_draws_the_same_bytes_twice(name: str, tmp_path: Path) -> None:
    first, second = tmp_path / "a.png", tmp_path / "b.png"
    for path in (first, second):
        plain_picture(FIGURES[name](), path)
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_size > 5_000


@pytest.mark.parametrize("name", FIGURES)
def test_pages_are_reproducible(name: str) -> None:
    pages = [FIGURES[name]().to_html(include_plotlyjs=False, div_id=name) for _ in range(2)]
    assert pages[0] == pages[1]


@pytest.mark.parametrize("name", ("latent", "belief", "strides"))
def test_every_base_task_has_its_colour(name: str) -> None:
    entries = [trace for trace in traces(FIGURES[name]()) if trace.showlegend is not False]
    assert {trace.name for trace in entries} == set(LINE.base_tasks) <= set(BASE_TASK_COLOURS) == set(BASE_TASKS)
    for trace in entries:
        colour = trace.fillcolor if name == "belief" and trace.fillcolor else trace.marker.color
        assert colour == BASE_TASK_COLOURS[trace.name]


def test_latent_map_says_the_task_and_shades_by_specification() -> None:
    table = plot_latent.embed(synthetic.latents(), ["pca"])
    for trace in traces(plot_latent.plane(table, "pca")):
        own = rows(table, "base_task", [trace.name])
        assert list(trace.text) == list(own["task"])
        size = np.abs(numbers(own, "specification"))
        brightness = np.array([sum(int(c[i : i + 2], 16) for i in (1, 3, 5)) for c in trace.marker.color])
        assert brightness[size.argmin()] > brightness[size.argmax()]
        assert np.corrcoef(size, brightness)[0, 1] < -0.9


def test_shades_stay_apart_between_base_tasks() -> None:
    assert len({shade(task, s) for task in BASE_TASKS for s in (0.0, 0.5, 1.0)}) == 3 * len(BASE_TASKS)
    assert len(shades(synthetic.latents())) == len(synthetic.latents())


def test_embedding_is_fixed_and_capped() -> None:
    table = synthetic.latents()
    first, second = (plot_latent.embed(table, ["tsne"], seed=3, points=60) for _ in range(2))
    assert len(first) == 60
    assert first.equals(second)


def test_trajectories_show_every_task_with_target_agent_and_oracle() -> None:
    table = synthetic.trajectories()
    panels = plot_trajectories.panels(table)
    assert len(panels) == table["task"].nunique() == 12
    for panel in panels:
        target, oracle, agent = traces(panel)
        assert (target.name, oracle.name, agent.name) == ("target", "oracle", "agent")
        assert target.line.dash == "dash"
        assert agent.line.color == control_colour("agent") != oracle.line.color
        assert "markers" in agent.mode
        assert len(agent.x) == 100


def test_strides_count_every_decision_of_the_agent() -> None:
    shares = [sum(trace.y) for trace in traces(plot_strides.figure(synthetic.trajectories()))]
    assert sum(shares) == pytest.approx(100, abs=0.1)


def test_learning_curve_skips_empty_cells_and_empty_columns() -> None:
    curve = synthetic.learning_curve().assign(never=np.nan)
    drawn = {t.name: t for panel in plot_learning.panels(curve, "low_level") for t in traces(panel)}
    assert set(drawn) == {"return", "loss", "goal error"}
    assert len(drawn["goal error"].x) == curve["goal_error"].notna().sum()


def test_results_show_published_levels_only_where_there_are_any() -> None:
    for body, lines in (("cheetah", 2), ("centipede", 0)):
        goal, _ = plot_results.panels(synthetic.controls(), body)
        assert len(traces(goal)) == lines + 1
