"""Learning curves: every logged metric of a stage over its training, metrics of one unit in one panel.

Run ``python vis/plot_learning.py --help`` for the command.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from stages.contract import Artifact
from vis.style import compose, panel, plain_axis
from vis.tables import numbers

#: Axis by a word in the metric's name; the first that matches counts.
_AXES = {
    "loss": "loss (dimensionless)",
    "return": "return (sum of rewards)",
    "accuracy": "accuracy (fraction)",
    "error": "error (fraction of target)",
    "stride": "stride (low-level steps)",
    "fall": "falls (fraction of episodes)",
    "reward": "reward (per decision)",
    "entropy": "entropy (nats)",
}
_OTHER = "value (dimensionless)"
_SPARSE = 40  # a curve of fewer points shows them
_STEPS = {
    "toy_inference": "training (updates)",
    "low_level": "training (environment steps)",
    "striding": "training (decisions)",
    "high_level": "training (decisions)",
}
_COLOURS = ("#3b6ea8", "#c0504d", "#6a9a4b", "#8a63a6", "#d08a2f", "#4aa3a8", "#8c6d5a", "#7f8c97")


def panels(table: pd.DataFrame, stage: str, height: int = 260) -> list[go.Figure]:
    """One small figure per unit among the columns of a ``learning_curve.parquet``; empty cells are skipped."""
    axes: dict[str, list[str]] = {}
    for name in map(str, table.columns):
        if name != "step" and not np.isnan(numbers(table, name)).all():
            axes.setdefault(_axis(name), []).append(name)
    order = [*(axis for word, axis in _AXES.items() if word != "loss"), _AXES["loss"], _OTHER]
    return [_panel(table, axes[a], a, stage, height) for a in sorted(axes, key=order.index)]


def figure(table: pd.DataFrame, stage: str, more: Sequence[go.Figure] = ()) -> go.Figure:
    """All metrics of a stage's training in one figure, and further panels."""
    parts = [*panels(table, stage), *more]
    return compose(f"Learning curve of {stage}", parts, columns=min(3, len(parts)))


def throughput_panel(steps: list[float], rate: list[float], stage: str, height: int = 260) -> go.Figure:
    """How many steps per second a training did, over its steps."""
    trace = go.Scatter(
        x=steps,
        y=rate,
        name="throughput",
        mode="lines",
        line={"color": _COLOURS[0], "width": 1.8, "shape": "hv"},
        hovertemplate="%{y:,.0f} steps per second at %{x}<extra></extra>",
    )
    x = plain_axis(_STEPS.get(stage, "training (steps)"), rangemode="tozero", exponentformat="SI")
    y = plain_axis("throughput (steps/s)", rangemode="tozero")
    return panel([trace], f"{stage}: throughput", x, y, height, showlegend=False)


def _axis(name: str) -> str:
    return next((title for word, title in _AXES.items() if word in name), _OTHER)


def _panel(table: pd.DataFrame, names: list[str], axis: str, stage: str, height: int) -> go.Figure:
    traces = []
    for i, name in enumerate(names):
        points = pd.DataFrame(table[["step", name]]).dropna()
        traces.append(
            go.Scatter(
                x=numbers(points, "step"),
                y=numbers(points, name, 6),
                name=name.replace("_", " "),
                showlegend=len(names) > 1,
                mode="lines+markers" if len(points) < _SPARSE else "lines",
                marker={"size": 4},
                line={"color": _COLOURS[i % len(_COLOURS)], "width": 1.8},
                hovertemplate="%{y:.4g} at %{x}<extra>%{fullData.name}</extra>",
            )
        )
    x = plain_axis(_STEPS.get(stage, "training (steps)"), rangemode="tozero", exponentformat="SI")
    many = len(names) > 1
    y = plain_axis(axis, rangemode="tozero")
    return panel(traces, f"{stage}: {axis.split(' (')[0]}", x, y, height + 14 * (len(names) // 2), showlegend=many)


if __name__ == "__main__":
    from stages.store import Store
    from vis.command import main
    from vis.origin import throughput
    from vis.provenance import origins

    def draw(artifact: Artifact, options: argparse.Namespace) -> go.Figure:
        """With the throughput, which the store alone knows."""
        steps, rate = throughput(origins(Store(), options.run_id)[-1])
        more = [throughput_panel(steps, rate, artifact.stage)] if steps else []
        return figure(artifact.table("learning_curve.parquet"), artifact.stage, more)

    main(("low_level", "toy_inference", "striding", "high_level"), "learning", draw)
