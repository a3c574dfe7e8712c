"""The latent over time across an unannounced change of task, on the toy.

Run ``python vis/plot_switch.py --help`` for the command.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from envs.palette import BASE_TASK_COLOURS
from envs.tasks import TOY_STEP
from vis.plot_latent import latents_of
from vis.style import MUTED, compose, panel, plain_axis
from vis.tables import groups, numbers, words


def figure(table: pd.DataFrame, title: str = "Latent across an unannounced change of task") -> go.Figure:
    """A small figure per change in a ``switch.parquet``, a line per number of the latent."""
    return compose(title, [_change(part) for part in groups(table, "before")], columns=2)


def _change(part: pd.DataFrame) -> go.Figure:
    part = part.sort_values("step")
    seconds = (np.asarray(numbers(part, "step")) * TOY_STEP).round(3)
    latents = latents_of(part).round(4)
    lines = [_line(part, seconds, latents[:, i], i) for i in range(latents.shape[1])]
    edge = [float(latents.min()), float(latents.max())]
    change = go.Scatter(
        x=[0.0, 0.0], y=edge, mode="lines", line={"color": MUTED, "dash": "dot"}, showlegend=False, hoverinfo="skip"
    )
    title = f"{words(part, 'before')[0]}, then {words(part, 'after')[0]}"
    x, y = plain_axis("simulated time since the change (s)"), plain_axis("latent (arbitrary units)")
    return panel([*lines, change], title, x, y, showlegend=False)


def _line(part: pd.DataFrame, seconds: np.ndarray, values: np.ndarray, index: int) -> go.Scatter:
    """One number of the latent, in the colour of the task that it turns to."""
    task = words(part, "base_task_after")[0]
    return go.Scatter(
        x=seconds.tolist(),
        y=values.tolist(),
        name=f"z{index}",
        mode="lines",
        line={"color": BASE_TASK_COLOURS[task], "width": 1.5},
        opacity=0.35 + 0.65 * (index % 4) / 3,
        showlegend=False,
        hovertemplate="%{y:.3f} at %{x:.1f} s<extra>%{fullData.name}</extra>",
    )


if __name__ == "__main__":
    from vis.command import main

    main("toy_inference", "switch", lambda artifact, _: figure(artifact.table("switch.parquet")))
