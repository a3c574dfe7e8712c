"""Trajectories against their targets: position or velocity over time, a mark at the end of each stride.

Run ``python vis/plot_trajectories.py --help`` for the command.
"""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from envs.palette import BASE_TASK_COLOURS
from vis.style import AXIS_TITLES, MUTED, TIME_TITLE, by_base_task, compose, control_colour, panel, plain_axis, shades
from vis.tables import groups, numbers, rows, words

SHOWN = ("oracle", "agent")
#: The range of values shown, as shares of the target.
_SHARES = [-0.6, 1.8]
_DETAILS = ["stride", "command_kind", "command", "believed_base_task", "belief"]
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


def together(table: pd.DataFrame, title: str = "Agent, relative to target", height: int = 420) -> go.Figure:
    """The agent's way on every task in one panel, as a share of what is asked for: 1 is the target."""
    agent = rows(table, "control", ["agent"])
    agent = agent.assign(colour=shades(agent), share=agent["coordinate"] / agent["specification"])
    seconds = [0.0, max(numbers(agent, "seconds", 3))]
    line = {"color": MUTED, "dash": "dash", "width": 1.5}
    target = go.Scatter(x=seconds, y=[1.0, 1.0], name="target", mode="lines", line=line, hoverinfo="skip")
    parts = [part for same in by_base_task(agent).values() for part in groups(same, "task")]
    x, y = plain_axis(TIME_TITLE, rangemode="tozero"), plain_axis("value / target (fraction)", range=_SHARES)
    return panel([target, *map(_way, parts)], title, x, y, height, showlegend=False)


def _way(task: pd.DataFrame) -> go.Scatter:
    colour = words(task, "colour")[0]
    return go.Scatter(
        x=numbers(task, "seconds", 3),
        y=numbers(task, "share"),
        customdata=task[_DETAILS].round(3).to_numpy(object),
        name=words(task, "label")[0],
        mode="lines+markers",
        line={"color": colour, "width": 1.8},
        marker={"size": 3, "color": colour},
        selected={"marker": {"size": 9}},
        hovertemplate=_HOVER,
    )


def _panel(table: pd.DataFrame, height: int) -> go.Figure:
    label, kind, base_task = (words(table, name)[0] for name in ("label", "kind", "base_task"))
    target = go.Scatter(
        x=[0.0, max(numbers(table, "seconds"))],
        y=numbers(table, "specification")[:1] * 2,
        name="target",
        mode="lines",
        line={"color": BASE_TASK_COLOURS[base_task], "dash": "dash", "width": 2},
        zorder=1,  # agent and oracle would hide it
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
    return go.Scatter(
        x=numbers(table, "seconds", 3),
        y=numbers(table, "coordinate"),
        customdata=table[_DETAILS].round(3).to_numpy(object),
        name=control,
        mode="lines+markers",
        line={"color": control_colour(control), "width": 1.6},
        marker={"size": 4 if control == "agent" else 3},
        hovertemplate=_HOVER,
    )


if __name__ == "__main__":
    from vis.command import main

    forms = {"panels": figure, "together": together}
    main(
        "evaluation",
        "trajectories",
        lambda artifact, options: forms[options.form](artifact.table("trajectories.parquet")),
        choices={"form": tuple(forms)},
    )
