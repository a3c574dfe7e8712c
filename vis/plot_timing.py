"""How long each stage behind a run took to compute, and which of them was reused.

Run ``python vis/plot_timing.py --help`` for the command.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log10

import plotly.graph_objects as go

from vis.origin import Origin
from vis.style import INK, MUTED, panel, plain_axis

_TICKS = [0.1, 1, 10, 60, 600, 3600, 36000]
_COLOURS = {False: INK, True: MUTED}


def verdict(origin: Origin) -> str:
    """What the cache said of a run, in a word."""
    return "stored before, reused" if origin.reused else "computed for this"


def figure(origins: Sequence[Origin], title: str = "Time to compute") -> go.Figure:
    """A bar per stage on a logarithmic axis, first stage on top."""
    names = [origin.name for origin in reversed(origins)]
    traces = [_bars([origin for origin in origins if origin.reused == reused]) for reused in (False, True)]
    span = [-1.0, max(1.0, 0.15 + log10(max(0.1, *(origin.seconds for origin in origins))))]
    x = plain_axis("time to compute (s, logarithmic)", type="log", range=span, tickvals=_TICKS)
    y = plain_axis("", tickfont={"color": INK}, categoryorder="array", categoryarray=names)
    return panel([trace for trace in traces if trace.x], title, x, y, 110 + 34 * len(names))


def _bars(origins: Sequence[Origin]) -> go.Scatter:
    """Lines from the axis to the time, broken between stages."""
    x: list[float | None] = []
    y: list[str] = []
    for origin in origins:
        x += [0.1, round(max(origin.seconds, 0.1), 2), None]
        y += 3 * [origin.name]  # that x ends is enough, and a category may not be missing
    colour = _COLOURS[bool(origins and origins[0].reused)]
    return go.Scatter(
        x=x,
        y=y,
        name=verdict(origins[0]) if origins else "",
        mode="lines+markers",
        line={"color": colour, "width": 7},
        marker={"size": 7, "color": colour},
        hovertemplate="%{y}: %{x} s<extra></extra>",
    )


if __name__ == "__main__":
    from stages.store import Store
    from vis.command import main
    from vis.provenance import origins

    main(
        ("plots", "evaluation", "striding", "high_level", "comparison", "low_level", "toy_inference"),
        "timing",
        lambda _, options: figure(origins(Store(), options.run_id)),
    )
