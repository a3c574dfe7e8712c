"""Trajectories against their targets: position or velocity over time, a mark at the end of each stride.

Run ``python vis/plot_trajectories.py --help`` for the command.
"""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from vis.style import (
    AXIS_TITLES,
    BASE_TASK_COLOURS,
    TIME_TITLE,
    by_base_task,
    compose,
    control_colour,
    panel,
    plain_axis,
)
from vis.tables import groups, numbers, rows, words

SHOWN = ("oracle", "agent")
_HOVER = (
    "%{y:.2f} after %{x:.1f} s<br>stride %{customdata[0]} steps, command %{customdata[1]} %{customdata[2]:+.2f}"
    "<br>believes %{customdata[3]} (%{customdata[4]:.0%})<extra>%{fullData.name}</extra>"
)


def panels(table: pd.DataFrame, height: int = 240) -> list[go.Figure]:
    """One small figure per task of an evaluation's ``trajectories.parquet``, agent and oracle with the target."""
    parts = by_base_task(rows(table, "control", SHOWN)).values()
    tasks = [sorted(groups(part, "task"), key=lambda task: abs(numbers(task, "specification")[0])) for part in parts]
    return [_panel(task, height) for same_base in tasks for task in same_base]


def figure(table: pd.DataFrame, title: str = "Trajectories against targets") -> go.Figure:
    """All tasks in one figure, three columns."""
    return compose(title, panels(table), columns=3)


def _panel(table: pd.DataFrame, height: int) -> go.Figure:
    label, kind, base_task = (words(table, name)[0] for name in ("label", "kind", "base_task"))
    target = go.Scatter(
        x=[0.0, max(numbers(table, "seconds"))],
        y=numbers(table, "specification")[:1] * 2,
        name="target",
        mode="lines",
        line={"color": BASE_TASK_COLOURS[base_task], "dash": "dash", "width": 2},
        hoverinfo="skip",
    )
    parts = ((control, rows(table, "control", [control])) for control in SHOWN)
    return panel(
        [target, *(_trace(part, control) for control, part in parts if len(part))],
        label,
        plain_axis(TIME_TITLE, rangemode="tozero"),
        plain_axis(AXIS_TITLES[kind], rangemode="tozero"),
        height,
        showlegend=False,
    )


def _trace(table: pd.DataFrame, control: str) -> go.Scatter:
    details = ["stride", "command_kind", "command", "believed_base_task", "belief"]
    return go.Scatter(
        x=numbers(table, "seconds", 3),
        y=numbers(table, "coordinate"),
        customdata=table[details].round(3).to_numpy(object),
        name=control,
        mode="lines+markers",
        line={"color": control_colour(control), "width": 1.6},
        marker={"size": 4 if control == "agent" else 3},
        hovertemplate=_HOVER,
    )


if __name__ == "__main__":
    from vis.command import main

    main("evaluation", "trajectories", lambda artifact, _: figure(artifact.table("trajectories.parquet")))
