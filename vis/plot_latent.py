"""The map of latents: t-SNE or PCA in two and three dimensions, coloured by base task, brightness by |specification|.

Run ``python vis/plot_latent.py --help`` for the command.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from envs.palette import BASE_TASK_COLOURS
from vis.style import GRID, by_base_task, look, panel, plain_axis, shades
from vis.tables import numbers, words

Method = Literal["tsne", "pca"]
METHODS: tuple[Method, ...] = ("tsne", "pca")
POINTS = 1500
_TITLES = {"tsne": "t-SNE", "pca": "principal component"}
_HOVER = "%{text}<br>step %{customdata}<extra></extra>"
#: What a lasso in the page leaves of the points outside it.
_SELECTED: dict[str, Any] = {"unselected": {"marker": {"opacity": 0.12}}}


def embed(
    table: pd.DataFrame, methods: Sequence[Method] = METHODS, seed: int = 0, points: int = POINTS
) -> pd.DataFrame:
    """At most ``points`` rows of a ``latents.parquet`` with their places in two and in three dimensions, by method."""
    table = table.sample(min(points, len(table)), random_state=seed).sort_index().reset_index(drop=True)
    latents = latents_of(table)
    for method in methods:
        for size in (2, 3):
            table[_columns(method, size)] = _project(latents, size, method, seed).round(3)
    return table


def latent_columns(table: pd.DataFrame) -> list[str]:
    """Names of the columns that hold latents."""
    return [column for column in table.columns if column[0] == "z" and column[1:].isdigit()]


def latents_of(table: pd.DataFrame) -> np.ndarray:
    """(rows, latent)."""
    return table[latent_columns(table)].to_numpy(np.float64)


def plane(points: pd.DataFrame, method: Method = "tsne", title: str = "", height: int = 420) -> go.Figure:
    """The 2-D map of ``embed``'s table."""
    a, b = _columns(method, 2)
    traces = [go.Scatter(x=numbers(p, a), y=numbers(p, b), **_look(p, 6), **_SELECTED) for p in _parts(points)]
    return panel(traces, title, _axis(method, 1), _axis(method, 2), height)


def space(points: pd.DataFrame, method: Method = "tsne", title: str = "", height: int = 420) -> go.Figure:
    """The 3-D map of ``embed``'s table; dragging turns it."""
    layout = look(title, height, dragmode="turntable", scene=_scene(method), margin={"l": 0, "r": 0, "b": 0})
    return go.Figure(_space_traces(points, method), layout)


def figure(points: pd.DataFrame, method: Method = "tsne", title: str = "Latent map of held-out tasks") -> go.Figure:
    """Both maps side by side."""
    both = make_subplots(1, 2, specs=[[{"type": "xy"}, {"type": "scene"}]], horizontal_spacing=0.04)
    for part, column in ((plane(points, method), 1), (space(points, method), 2)):
        both.add_traces(part.data, rows=1, cols=column)
    both.update_traces(showlegend=False)
    both.add_traces([_legend_entry(task) for task in by_base_task(points)])
    axes = {"xaxis": _axis(method, 1), "yaxis": _axis(method, 2), "scene": _scene(method)}
    return both.update_layout(look(title, 560, dragmode="turntable", legend={"y": -0.12}, **axes))


def _columns(method: Method, size: int) -> list[str]:
    return [f"{method} {size}-{i}" for i in range(1, size + 1)]


def _project(latents: np.ndarray, size: int, method: Method, seed: int) -> np.ndarray:
    # Imported here: scikit-learn takes seconds, and most figures of this package do without.
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    if method == "pca":
        return PCA(size, random_state=seed).fit_transform(latents)
    perplexity = min(30.0, (len(latents) - 1) / 3)
    return TSNE(size, init="pca", perplexity=perplexity, random_state=seed).fit_transform(latents)


def _parts(points: pd.DataFrame) -> list[pd.DataFrame]:
    return list(by_base_task(points.assign(colour=shades(points))).values())


def _look(part: pd.DataFrame, size: float) -> dict[str, Any]:
    task = words(part, "base_task")[0]
    return {
        "name": task,
        "text": words(part, "task"),
        "customdata": numbers(part, "step" if "step" in part else "decision"),
        "mode": "markers",
        "marker": {"color": words(part, "colour"), "size": size, "line": {"width": 0}},
        "legendgroup": task,
        "hovertemplate": _HOVER,
        "hoverlabel": {"bgcolor": BASE_TASK_COLOURS[task], "font": {"color": "#ffffff"}},
    }


def _legend_entry(task: str) -> go.Scatter:
    """A point nowhere: the legend shows the base task's own colour, not the shade of its first latent."""
    marker = {"color": BASE_TASK_COLOURS[task], "size": 8}
    return go.Scatter(x=[None], y=[None], name=task, mode="markers", marker=marker, legendgroup=task, hoverinfo="skip")


def _space_traces(points: pd.DataFrame, method: Method) -> list[go.Scatter3d]:
    u, v, w = _columns(method, 3)
    return [go.Scatter3d(x=numbers(p, u), y=numbers(p, v), z=numbers(p, w), **_look(p, 3)) for p in _parts(points)]


def _axis(method: Method, number: int) -> dict[str, object]:
    return plain_axis(f"{_TITLES[method]} {number} (arbitrary units)", showticklabels=False)


def _scene(method: Method) -> dict[str, object]:
    names = zip(("xaxis", "yaxis", "zaxis"), (1, 2, 3), strict=True)
    axes: dict[str, object] = {
        name: {
            "title": {"text": f"{_TITLES[method]} {i} (a.u.)", "font": {"size": 10}},
            "showticklabels": False,
            "gridcolor": GRID,
            "showbackground": False,
            "zeroline": False,
        }
        for name, i in names
    }
    return {**axes, "aspectmode": "cube", "camera": {"eye": {"x": 1.5, "y": 1.4, "z": 0.9}}}


if __name__ == "__main__":
    from vis.command import main

    main(
        ("toy_inference", "evaluation"),
        "latent",
        lambda artifact, options: figure(embed(artifact.table("latents.parquet"), [options.method]), options.method),
        choices={"method": METHODS},
    )
