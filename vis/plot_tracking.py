"""How well the low level obeys: error by commanded amount, for each kind of command.

Run ``python vis/plot_tracking.py --help`` for the command.
"""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from envs.palette import BASE_TASK_COLOURS
from vis.style import AXIS_TITLES, MUTED, compose, kind_title, panel, plain_axis
from vis.tables import groups, numbers, words

_NAMES = {"mean_error": "mean over 0.5 s", "error": "instantaneous"}


def panels(table: pd.DataFrame, height: int = 280) -> list[go.Figure]:
    """One small figure per kind of a low level's ``tracking.parquet``."""
    return [_panel(part.sort_values("amount"), height) for part in groups(table, "kind")]


def figure(table: pd.DataFrame, title: str = "Tracking of the low level, true command") -> go.Figure:
    """All kinds in one figure."""
    return compose(title, panels(table), columns=2)


def _panel(table: pd.DataFrame, height: int) -> go.Figure:
    kind, amounts = words(table, "kind")[0], numbers(table, "amount")
    averaged = numbers(table, "mean_error") != numbers(table, "error")
    main = "mean_error" if averaged else "error"
    colours = [BASE_TASK_COLOURS[name] for name in words(table, "base_task")]
    traces = [
        go.Scatter(
            x=amounts,
            y=numbers(table, column),
            name=name,
            mode="lines+markers" if column == main else "markers",
            line={"color": MUTED, "width": 1},
            marker={"color": colours, "size": 7 if column == main else 5},
            opacity=1.0 if column == main else 0.5,
            hovertemplate="%{x:+.2f} commanded: error %{y:.3f}<extra>%{fullData.name}</extra>",
        )
        for column, name in _NAMES.items()
        if averaged or column == "error"
    ]
    y = plain_axis("error (fraction of command)", rangemode="tozero")
    x = plain_axis(f"commanded {AXIS_TITLES[kind]}")
    return panel(traces, f"{kind_title(kind)} commands", x, y, height, showlegend=averaged)


if __name__ == "__main__":
    from vis.command import main

    main("low_level", "tracking", lambda artifact, _: figure(artifact.table("tracking.parquet")))
