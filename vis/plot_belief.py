"""What the agent believes over an episode: the posterior of the base task, averaged over the tasks of each base task.

Run ``python vis/plot_belief.py --help`` for the command.
"""

from __future__ import annotations

import math

import pandas as pd
import plotly.graph_objects as go

from envs.tasks import BASE_TASKS
from vis.style import BASE_TASK_COLOURS, by_base_task, compose, panel, plain_axis
from vis.tables import numbers, rows

_TICKS = [1, 2, 5, 10, 20, 50, 100]


def panels(table: pd.DataFrame, height: int = 240) -> list[go.Figure]:
    """One small figure per true base task of an evaluation's ``trajectories.parquet`` (the agent's rows)."""
    parts = by_base_task(rows(table, "control", ["agent"]))
    return [_panel(part, task, height) for task, part in parts.items()]


def figure(table: pd.DataFrame, title: str = "Belief over the episode, by base task asked for") -> go.Figure:
    """All base tasks in one figure."""
    return compose(title, panels(table), columns=2)


def _panel(table: pd.DataFrame, true_task: str, height: int) -> go.Figure:
    columns = {f"p {task}": task for task in BASE_TASKS if f"p {task}" in table}
    mean = pd.DataFrame(table.groupby("decision", as_index=False)[list(columns)].mean())
    decisions = numbers(mean, "decision")
    traces = [
        go.Scatter(
            x=decisions,
            y=numbers(mean, column),
            name=task,
            mode="lines",
            stackgroup="posterior",
            line={"color": BASE_TASK_COLOURS[task], "width": 0.5},
            fillcolor=BASE_TASK_COLOURS[task],
            hovertemplate="%{y:.1%} after %{x} decisions<extra>%{fullData.name}</extra>",
        )
        for column, task in columns.items()
    ]
    end = math.log10(max(2.0, *decisions))
    return panel(
        traces,
        true_task,
        plain_axis("time (decisions, logarithmic)", type="log", range=[0, end], tickvals=_TICKS),
        plain_axis("posterior (probability)", range=[0, 1]),
        height,
        showlegend=False,
    )


if __name__ == "__main__":
    from vis.command import main

    main("evaluation", "belief", lambda artifact, _: figure(artifact.table("trajectories.parquet")))
