"""Plotly figures as PNG or SVG.

``plain_picture`` draws with matplotlib: the same bytes on every machine with the same libraries, no browser needed.
``picture`` asks a browser when there is one, for pixels equal to the page's.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from envs.palette import BASE_TASK_COLOURS
from vis.style import GRID, INK, MUTED

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_WIDTH, _DPI = 1200, 100
_DASHES = {"dash": "--", "dot": ":", None: "-", "solid": "-"}


def picture(figure: go.Figure, path: Path) -> None:
    """The figure by a browser if one is installed, by matplotlib if not; the path's suffix is the format."""
    layout: Any = figure.layout
    if any(shutil.which(browser) for browser in BROWSERS):
        # A browser that is there may still not start, for want of a library or of rights.
        with suppress(RuntimeError, OSError):
            figure.write_image(path, width=_WIDTH, height=layout.height, scale=1.5)
            return
    plain_picture(figure, path)


def plain_picture(figure: go.Figure, path: Path) -> None:
    """The figure by matplotlib: lines, markers, intervals, stacked areas and bars, 3-D markers."""
    layout: Any = figure.layout
    canvas = Figure(figsize=(_WIDTH / _DPI, layout.height / _DPI), dpi=_DPI, facecolor="white")
    frame = _Frame(layout)
    axes: dict[str, Any] = {}
    floors: dict[str, np.ndarray] = {}
    for trace in _traces(figure):
        name = frame.name(trace)
        if name not in axes:
            axes[name] = frame.add(canvas, name)
        _draw(axes[name], trace, floors, name)
    for name, ax in axes.items():
        frame.finish(ax, name)
    canvas.text(0.02, 1 - 18 / layout.height, layout.title.text or "", size=14, color=INK, va="top", weight="bold")
    _subplot_titles(canvas, figure, frame)
    _legend(canvas, figure)
    # Neither a date nor random names, so that equal figures are equal bytes.
    with rc_context({"svg.hashsalt": "carryover"}):
        canvas.savefig(path, metadata={"Software": None} if path.suffix == ".png" else {"Date": None})


class _Frame:
    """Where plotly's subplots lie, as matplotlib axes."""

    def __init__(self, layout: Any) -> None:
        self.layout = layout
        self.left, self.right = (0.12 if layout.yaxis.categoryarray else 0.07), 0.98
        self.bottom, self.top = 78 / layout.height, 1 - 62 / layout.height

    def name(self, trace: Any) -> str:
        """Name of the trace's subplot: that of its x axis or of its scene."""
        if trace.type == "scatter3d":
            return trace.scene or "scene"
        return (trace.xaxis or "x").replace("x", "xaxis")

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Paper coordinates of plotly in those of the canvas."""
        return self.left + x * (self.right - self.left), self.bottom + y * (self.top - self.bottom)

    def add(self, canvas: Figure, name: str) -> Any:
        """New axes where the subplot lies."""
        three = name.startswith("scene")
        box = self.layout[name].domain if three else self.layout[name]
        across = (box.x if three else box.domain) or (0, 1)
        along = (box.y if three else self.layout[name.replace("x", "y", 1)].domain) or (0, 1)
        (x0, y0), (x1, y1) = self.place(across[0], along[0]), self.place(across[1], along[1])
        ax = canvas.add_axes((x0, y0, x1 - x0, y1 - y0), projection="3d" if three else None)
        if not three and (order := self.layout[name.replace("x", "y", 1)].categoryarray):
            ax.yaxis.update_units(order)  # before any trace, so that categories keep their order
        return ax

    def finish(self, ax: Any, name: str) -> None:
        """Titles, grid and ranges of the axes."""
        three = name.startswith("scene")
        for which in "xyz" if three else "xy":
            axis = self.layout[name][f"{which}axis"] if three else self.layout[name.replace("x", which, 1)]
            getattr(ax, f"set_{which}label")(axis.title.text or "", size=9, color=MUTED)
            ax.tick_params(axis=which, labelsize=8, colors=MUTED, length=0)
            if axis.showticklabels is False:
                getattr(ax, f"set_{which}ticklabels")([])
            if not three:
                _scale(ax, which, axis)
        if not three:
            ax.grid(color=GRID, linewidth=0.8)
            ax.set_axisbelow(True)
            ax.spines[:].set_visible(False)


def _scale(ax: Any, which: str, axis: Any) -> None:
    limit = getattr(ax, f"set_{which}lim")
    if axis.type == "log":
        getattr(ax, f"set_{which}scale")("log")
        getattr(ax, f"set_{which}ticks")(axis.tickvals, labels=axis.tickvals, minor=False)
        ax.minorticks_off()
        limit([10**end for end in axis.range])
    elif axis.range:
        limit(axis.range)
    elif axis.rangemode == "tozero":
        low, high = getattr(ax, f"get_{which}lim")()
        limit((min(low, 0.0), max(high, 0.0)))


def _draw(ax: Any, trace: Any, floors: dict[str, np.ndarray], name: str) -> None:
    if trace.type == "scatter3d":
        ax.scatter(trace.x, trace.y, trace.z, c=list(trace.marker.color), s=6, depthshade=False)
    elif trace.type == "bar":
        floor = floors.get(name, np.zeros(len(trace.x)))
        ax.bar(trace.x, trace.y, bottom=floor, color=trace.marker.color, width=0.85)
        floors[name] = floor + np.asarray(trace.y)
    elif trace.stackgroup:
        floor = floors.get(name, np.zeros(len(trace.x)))
        floors[name] = floor + np.asarray(trace.y)
        ax.fill_between(trace.x, floor, floors[name], color=trace.fillcolor, linewidth=0)
    else:
        _scatter(ax, trace)


def _scatter(ax: Axes, trace: Any) -> None:
    alpha = trace.opacity or 1.0
    if trace.fill == "toself":
        ax.fill(trace.x, trace.y, color=trace.fillcolor, alpha=alpha, linewidth=0, zorder=1)
        return
    if "lines" in trace.mode:
        style = _DASHES[trace.line.dash]
        ax.plot(trace.x, trace.y, color=trace.line.color, ls=style, lw=trace.line.width or 1.5, alpha=alpha, zorder=2)
    if trace.error_x.array is not None:
        spans = np.array([trace.error_x.arrayminus, trace.error_x.array])
        ax.errorbar(trace.x, trace.y, xerr=spans, fmt="none", ecolor=trace.error_x.color, capsize=3, zorder=2)
    if "markers" in trace.mode:
        colour = trace.marker.color if trace.marker.color is not None else trace.line.color
        colours = [colour] * len(trace.x) if isinstance(colour, str) else list(colour)
        area = 0.6 * (trace.marker.size or 5) ** 2
        ax.scatter(trace.x, trace.y, c=colours, s=area, alpha=alpha, linewidth=0, zorder=3)


def _subplot_titles(canvas: Figure, figure: go.Figure, frame: _Frame) -> None:
    for note in figure.layout.annotations:  # type: ignore[union-attr]
        x, y = frame.place(note.x, note.y)
        canvas.text(x, y + 0.005, note.text, size=10, color=INK, ha="center", va="bottom")


def _traces(figure: go.Figure) -> tuple[Any, ...]:
    traces: Any = figure.data
    return traces


def _legend(canvas: Figure, figure: go.Figure) -> None:
    handles = {}
    for trace in _traces(figure):
        shown = trace.showlegend is not False and figure.layout.showlegend is not False  # type: ignore[union-attr]
        if trace.name and shown and trace.name not in handles:
            handles[trace.name] = _handle(trace)
    if len(handles) > 1:
        canvas.legend(handles.values(), handles.keys(), loc="lower left", ncols=6, frameon=False, fontsize=9)


def _handle(trace: Any) -> Line2D:
    line = trace.line.color if trace.type != "bar" and trace.line.color else None
    colour = BASE_TASK_COLOURS.get(trace.name) or line or MUTED
    if "lines" in (getattr(trace, "mode", None) or ""):
        return Line2D([], [], color=colour, ls=_DASHES[trace.line.dash], lw=2)
    return Line2D([], [], color=colour, marker="o", ls="")
