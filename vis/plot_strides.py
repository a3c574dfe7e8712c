"""How long the agent's strides are: the share of decisions at each stride, by base task.

Run ``python vis/plot_strides.py --help`` for the command.
"""

from __future__ import annotations

from collections import Counter

import pandas as pd
import plotly.graph_objects as go

from envs.palette import BASE_TASK_COLOURS
from vis.style import by_base_task, panel, plain_axis
from vis.tables import numbers, rows

LONGEST = 20


def figure(table: pd.DataFrame, title: str = "Stride histogram", height: int = 320) -> go.Figure:
    """Histogram of ``stride`` over the agent's decisions in an evaluation's ``trajectories.parquet``."""
    agent = rows(table, "control", ["agent"])
    strides = list(range(1, LONGEST + 1))
    traces = []
    for task, part in by_base_task(agent).items():
        counts = Counter(numbers(part, "stride"))
        traces.append(
            go.Bar(
                x=strides,
                y=[round(100 * counts[stride] / len(agent), 3) for stride in strides],
                name=task,
                marker={"color": BASE_TASK_COLOURS[task]},
                hovertemplate="%{y:.1f} % of decisions last %{x} steps<extra>%{fullData.name}</extra>",
            )
        )
    x = plain_axis("stride (low-level steps)", range=[0.3, LONGEST + 0.7], showgrid=False)
    return panel(traces, title, x, plain_axis("share of decisions (%)"), height, bargap=0.15)


if __name__ == "__main__":
    from vis.command import main

    main("evaluation", "strides", lambda artifact, _: figure(artifact.table("trajectories.parquet")))
