"""The result: settled error of the agent, of its controls, and of the published system.

Run ``python vis/plot_results.py --help`` for the command.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import plotly.graph_objects as go

from envs.palette import CONTROL_TITLES
from vis.style import INK, MUTED, compose, control_colour, panel, plain_axis

#: control -> metric -> statistic ("mean", "median", "iqm", "low", "high") -> value, as in ``controls.json``.
Controls = Mapping[str, Mapping[str, Mapping[str, float]]]


class Published(NamedTuple):
    """Settled error of the published system: pooled median over its figures, and its best single model."""

    median: float
    best: float


PUBLISHED: Mapping[str, Mapping[str, Published]] = {
    "cheetah": {"goal": Published(0.36, 0.20), "velocity": Published(0.31, 0.17)},
    "walker": {"goal": Published(0.22, 0.12), "velocity": Published(0.84, 0.40)},
    "hopper": {"goal": Published(0.51, 0.25), "velocity": Published(0.83, 0.30)},
}


def kinds_of(controls: Controls) -> list[str]:
    """The kinds of tasks that were asked for, goals first."""
    known = {name.removesuffix("_settled") for name in controls["agent"] if name.endswith("_settled")}
    return [kind for kind in ("goal", "velocity", "stand", "jump", "flip") if kind in known]


def panels(controls: Controls, body: str, height: int = 300) -> list[go.Figure]:
    """One small figure per kind: interquartile mean with its 95 % interval, by control."""
    names = [c for c in reversed([*CONTROL_TITLES]) if c in controls]
    return [_panel(controls, names, kind, body, height) for kind in kinds_of(controls)]


def figure(controls: Controls, body: str, title: str = "Settled error: interquartile mean, 95 % interval") -> go.Figure:
    """All kinds in one figure."""
    return compose(title, panels(controls, body), columns=2)


def _panel(controls: Controls, names: list[str], kind: str, body: str, height: int) -> go.Figure:
    titles = [CONTROL_TITLES[c] for c in names]
    traces = [
        go.Scatter(
            x=[level, level],
            y=[titles[0], titles[-1]],
            name=f"published, {which}",
            mode="lines",
            line={"color": MUTED, "dash": dash, "width": 1.2},
            hovertemplate=f"published {kind} error, {which}: %{{x:.2f}}<extra></extra>",
        )
        for which, level, dash in _levels(kind, body)
    ]
    values = [controls[c][f"{kind}_settled"] for c in names]
    traces.append(
        go.Scatter(
            x=[v["iqm"] for v in values],
            y=titles,
            error_x={
                "type": "data",
                "array": [v["high"] - v["iqm"] for v in values],
                "arrayminus": [v["iqm"] - v["low"] for v in values],
                "color": MUTED,
                "thickness": 1.5,
                "width": 4,
            },
            name="this run",
            showlegend=False,
            mode="markers",
            marker={"color": [control_colour(c) for c in names], "size": 10},
            customdata=[[v["low"], v["high"], v["median"]] for v in values],
            hovertemplate="%{y}: %{x:.3f} [%{customdata[0]:.3f}, %{customdata[1]:.3f}],"
            " median %{customdata[2]:.3f}<extra></extra>",
        )
    )
    x = plain_axis("settled error (fraction of |specification|)", rangemode="tozero")
    y = plain_axis("", tickfont={"color": INK}, categoryorder="array", categoryarray=titles)
    return panel(traces, f"{kind} tasks", x, y, height)


def _levels(kind: str, body: str) -> list[tuple[str, float, str]]:
    known = PUBLISHED.get(body, {}).get(kind)
    return [] if known is None else [("median", known.median, "dash"), ("best model", known.best, "dot")]


if __name__ == "__main__":
    from vis.command import main

    main(
        "evaluation",
        "results",
        lambda artifact, options: figure(artifact.json("controls.json"), options.tags.get("body", "")),
    )
