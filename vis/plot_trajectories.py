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
    compose,
    control_colour,
    in_task_order,
    panel,
    plain_axis,
)

SHOWN = ("oracle", "agent")
_HOVER = (
    "%{y:.2f} after %{x:.1f} s<br>stride %{customdata[0]} steps, command %{customdata[1]} %{customdata[2]:+.2f}"
    "<br>believes %{customdata[3]} (%{customdata[4]:.0%})<extra>%{fullData.name}</extra>"
)


def panels(table: pd.DataFrame, height: int = 240) -> list[go.Figure]:
    """One small figure per task of an evaluation's ``trajectories.parquet``, agent and oracle with the target."""
    table = table[table["control"].isin(SHOWN)]
    order = {task: i for i, task in enumerate(in_task_order(table["base_task"]))}
    groups = [group for _, group in table.groupby("task")]
    groups.sort(key=lambda g: (order[g["base_task"].iloc[0]], abs(g["specification"].iloc[0])))
    return [_panel(group, height) for group in groups]


def figure(table: pd.DataFrame, title: str = "Trajectories against targets") -> go.Figure:
    """All tasks in one figure, three columns."""
    return compose(title, panels(table), columns=3)


def _panel(table: pd.DataFrame, height: int) -> go.Figure:
    first = table.iloc[0]
    target = go.Scatter(
        x=[0.0, float(table["seconds"].max())],
        y=[first["specification"]] * 2,
        name="target",
        mode="lines",
        line={"color": BASE_TASK_COLOURS[first["base_task"]], "dash": "dash", "width": 2},
        hoverinfo="skip",
    )
    traces = [target, *(_trace(table[table["control"] == c], c) for c in SHOWN if (table["control"] == c).any())]
    return panel(
        traces,
        first["label"],
        plain_axis(TIME_TITLE, rangemode="tozero"),
        plain_axis(AXIS_TITLES[first["kind"]], rangemode="tozero"),
        height,
        showlegend=False,
    )


def _trace(table: pd.DataFrame, control: str) -> go.Scatter:
    details = ["stride", "command_kind", "command", "believed_base_task", "belief"]
    return go.Scatter(
        x=table["seconds"].round(3).tolist(),
        y=table["coordinate"].round(4).tolist(),
        customdata=table[details].round(3).to_numpy(object),
        name=control.replace("_", " "),
        mode="lines+markers",
        line={"color": control_colour(control), "width": 1.6},
        marker={"size": 4 if control == "agent" else 3},
        hovertemplate=_HOVER,
    )


if __name__ == "__main__":
    from vis.command import main

    main("evaluation", "trajectories", lambda artifact, _: figure(artifact.table("trajectories.parquet")))
