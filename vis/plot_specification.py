"""What each number of a latent makes of a specification, by base task.

Run ``python vis/plot_specification.py --help`` for the command.
"""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from envs.palette import BASE_TASK_COLOURS
from vis.plot_latent import latent_columns
from vis.style import by_base_task, compose, panel, plain_axis
from vis.tables import numbers, words


def figure(table: pd.DataFrame, title: str = "Latent against specification") -> go.Figure:
    """A small figure per number of the latents in a ``latents.parquet``."""
    return compose(title, [_number(table, name) for name in latent_columns(table)], columns=3)


def _number(table: pd.DataFrame, name: str) -> go.Figure:
    traces = [
        go.Scatter(
            x=numbers(part, "specification"),
            y=numbers(part, name),
            text=words(part, "task"),
            name=task,
            mode="markers",
            marker={"color": BASE_TASK_COLOURS[task], "size": 4, "line": {"width": 0}},
            hovertemplate="%{text}<br>%{y:.3f}<extra></extra>",
        )
        for task, part in by_base_task(table).items()
    ]
    x = plain_axis("specification (m, m/s, rad or rad/s)")
    return panel(traces, name, x, plain_axis("latent (arbitrary units)"))


if __name__ == "__main__":
    from vis.command import main

    main("toy_inference", "specification", lambda artifact, _: figure(artifact.table("latents.parquet")))
