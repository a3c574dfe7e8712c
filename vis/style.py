"""The one visual language of every figure: colours by base task, brightness by |specification|, plain axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from envs.palette import BASE_TASK_COLOURS, CONTROL_COLOURS, CONTROL_TITLES, rgb
from envs.tasks import BASE_TASKS
from vis.tables import numbers, rows, words

INK, MUTED, GRID, PAPER = "#1f2933", "#66727f", "#e4e8ec", "#ffffff"
#: What each neutral colour becomes on a dark page.
DARK = {INK: "#e6eaee", MUTED: "#98a4b0", GRID: "#2f3841", PAPER: "#171c21"}
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

FIXED_STRIDE_COLOUR = "#9a8fb8"
ROUTE_TITLES = {"reuse": "toy policy reused", "retrain": "high level retrained"}
AXIS_TITLES = {
    "velocity": "velocity (m/s)",
    "goal": "position (m)",
    "stand": "pitch (rad)",
    "jump": "vertical speed (m/s)",
    "flip": "pitch rate (rad/s)",
    "velocity_y": "velocity to the left (m/s)",
    "goal_y": "position to the left (m)",
}
TIME_TITLE = "simulated time (s)"

_FAINT = 0.62  # share of white in the colour of the smallest |specification|
_DEEP = 0.22  # share of black in that of the largest


def kind_title(kind: str) -> str:
    """A kind as a reader sees it."""
    return kind.replace("_y", " across")


def control_title(control: str) -> str:
    """A control as a reader sees it."""
    return CONTROL_TITLES.get(control, control.replace("_", " "))


def control_colour(control: str) -> str:
    """Colour of a control; the fixed strides share one."""
    return CONTROL_COLOURS.get(control, FIXED_STRIDE_COLOUR)


def shade(base_task: str, strength: float) -> str:
    """The base task's colour, from faint (strength 0) to deep (1)."""
    full = np.array(rgb(BASE_TASK_COLOURS[base_task]))
    mix = _FAINT - strength * (_FAINT + _DEEP)
    mixed = full + (255 - full) * mix if mix > 0 else full * (1 + mix)
    return "#" + "".join(f"{round(c):02x}" for c in mixed)


def shades(table: pd.DataFrame) -> list[str]:
    """One colour per row of a table with ``base_task`` and ``specification``."""
    # Brightness spans the range of each base task by itself: metres and metres per second do not compare.
    tasks, size = np.array(words(table, "base_task")), np.abs(numbers(table, "specification"))
    strength = np.full(len(table), 0.7)
    for task in set(tasks):
        own = tasks == task
        low, high = size[own].min(), size[own].max()
        if high > low:
            strength[own] = (size[own] - low) / (high - low)
    return [shade(task, s) for task, s in zip(tasks, strength, strict=True)]


def by_base_task(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The table's parts by base task, in the global order of base tasks."""
    present = set(words(table, "base_task"))
    return {task: rows(table, "base_task", [task]) for task in BASE_TASKS if task in present}


def plain_axis(title: str, **more: object) -> dict[str, object]:
    """Settings of a 2-D axis; the title ends with its unit in brackets."""
    return {
        "title": {"text": title, "standoff": 6, "font": {"size": 11, "color": MUTED}},
        "tickfont": {"size": 11, "color": MUTED},
        "gridcolor": GRID,
        "zeroline": False,
        "linecolor": GRID,
        "ticks": "",
        "automargin": True,
        **more,
    }


def look(title: str = "", height: int = 300, **layout: Any) -> dict[str, Any]:
    """Settings of a layout in the common look."""
    # Handed over together: plotly takes ten milliseconds for each update of a figure.
    common: dict[str, Any] = {
        "title": {"text": title, "x": 0, "xref": "paper", "font": {"size": 15}},
        "height": height,
        "font": {"family": FONT, "size": 12, "color": INK},
        "paper_bgcolor": PAPER,
        "plot_bgcolor": PAPER,
        "margin": {"l": 52, "r": 12, "t": 44 if title else 16, "b": 44},
        "legend": {"orientation": "h", "y": -50 / (height - 88), "yanchor": "top", "x": 0, "font": {"color": MUTED}},
        "hoverlabel": {"font": {"family": FONT}, "align": "left"},
        "dragmode": False,  # a finger on a figure scrolls the page
        "barmode": "stack",
    }
    both = [name for name in ("margin", "legend") if name in layout]
    return {**common, **layout, **{name: {**common[name], **layout[name]} for name in both}}


def panel(
    traces: Sequence[go.Scatter | go.Bar],
    title: str,
    x: dict[str, object],
    y: dict[str, object],
    height: int = 240,
    **layout: Any,
) -> go.Figure:
    """One small figure out of traces and axis settings."""
    return go.Figure(list(traces), look(title, height, xaxis=x, yaxis=y, **layout))


def compose(title: str, panels: Sequence[go.Figure], columns: int) -> go.Figure:
    """All panels as one figure; each name enters the legend once."""
    rows = -(-len(panels) // columns)
    titles = [p.layout.title.text for p in panels]  # type: ignore[union-attr]
    height = 110 + 250 * rows
    empty: Any = make_subplots(
        rows, columns, subplot_titles=titles, vertical_spacing=75 / height, horizontal_spacing=0.22 / columns
    ).layout
    settings: dict[str, Any] = empty.to_plotly_json()
    traces: list[dict[str, Any]] = []
    for i, part in enumerate(panels):
        number, own = str(i + 1) if i else "", part.to_dict()
        traces += _placed(own["data"], number, {trace["legendgroup"] for trace in traces})
        for name in ("xaxis", "yaxis"):
            settings[name + number] |= own["layout"][name]
    settings["annotations"] = [{**note, "font": {"size": 13, "color": INK}} for note in settings["annotations"]]
    margin, legend = {"l": 60, "r": 20, "t": 80, "b": 50}, {"y": -60 / height}
    return go.Figure(traces, look(title, height, margin=margin, legend=legend, **settings))


def _placed(traces: Sequence[dict[str, Any]], number: str, named: set[str | None]) -> list[dict[str, Any]]:
    """Traces on the axes of a number; those that are not named yet enter the legend."""
    placed: list[dict[str, Any]] = []
    for trace in traces:
        name = trace.get("name")
        shown = trace.get("showlegend") is not False and name not in named | {other["legendgroup"] for other in placed}
        where = {"xaxis": f"x{number}", "yaxis": f"y{number}"}
        placed.append({**trace, **where, "showlegend": shown, "legendgroup": name})
    return placed
