"""Bodies beside each other: settled error of the agents, of their controls, and of the published system.

Run ``python vis/plot_comparison.py --help`` for the command.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from envs.palette import CONTROL_TITLES
from vis.plot_results import PUBLISHED
from vis.style import INK, MUTED, compose, control_colour, panel, plain_axis

#: A row of ``comparison.json``.
Row = Mapping[str, Any]
KINDS = ("goal", "velocity")
#: Where agent and oracle agree both are seen: the second is hollow and larger.
_SYMBOLS = {"oracle": "circle-open"}
_SIZES = {"agent": 9, "oracle": 14}


def panels(rows: Sequence[Row], height: int = 0) -> list[go.Figure]:
    """One small figure per kind: mean with its 95 % interval, by body and route."""
    names = list(dict.fromkeys(map(_name, rows)))[::-1]
    return [_panel(rows, names, kind, height or 130 + 34 * len(names)) for kind in KINDS]


def figure(rows: Sequence[Row], title: str = "Settled error by body: mean, 95 % interval") -> go.Figure:
    """Both kinds in one figure."""
    return compose(title, panels(rows), columns=2)


def _name(row: Row) -> str:
    return f"{row['body']}, {row['route']}"


def _panel(rows: Sequence[Row], names: list[str], kind: str, height: int) -> go.Figure:
    present = list(dict.fromkeys(str(row["control"]) for row in rows))
    traces = [_control(rows, control, kind) for control in reversed(present)]
    known = [(name, PUBLISHED[body][kind].best) for name in names if (body := name.split(",")[0]) in PUBLISHED]
    if known:
        traces.append(
            go.Scatter(
                x=[best for _, best in known],
                y=[name for name, _ in known],
                name="published, best model",
                mode="markers",
                marker={"color": MUTED, "size": 10, "symbol": "x-thin", "line": {"width": 2, "color": MUTED}},
                hovertemplate="%{y}: %{x:.2f}<extra>%{fullData.name}</extra>",
            )
        )
    x = plain_axis("settled error (fraction of |specification|)", rangemode="tozero")
    y = plain_axis("", tickfont={"color": INK}, categoryorder="array", categoryarray=names)
    return panel(traces, f"{kind} tasks", x, y, height)


def _control(rows: Sequence[Row], control: str, kind: str) -> go.Scatter:
    own, name = [row for row in rows if row["control"] == control], f"{kind}_settled"
    means = [row[name] for row in own]
    colour = control_colour(control)
    return go.Scatter(
        x=[round(mean, 4) for mean in means],
        y=[_name(row) for row in own],
        error_x={
            "type": "data",
            "array": [round(row[f"{name}_high"] - row[name], 4) for row in own],
            "arrayminus": [round(row[name] - row[f"{name}_low"], 4) for row in own],
            "color": colour,
            "thickness": 1.2,
            "width": 3,
        },
        name=CONTROL_TITLES.get(control, control),
        mode="markers",
        marker={"color": colour, "size": _SIZES.get(control, 8), "symbol": _SYMBOLS.get(control, "circle")},
        customdata=[[row[f"{name}_low"], row[f"{name}_high"], row[f"{name}_median"]] for row in own],
        hovertemplate="%{y}: %{x:.3f} [%{customdata[0]:.3f}, %{customdata[1]:.3f}],"
        " median %{customdata[2]:.3f}<extra>%{fullData.name}</extra>",
    )


if __name__ == "__main__":
    from vis.command import main

    main("comparison", "comparison", lambda artifact, _: figure(artifact.json("comparison.json")["rows"]))
