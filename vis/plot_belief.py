"""What the agent believes over an episode: the posterior of the base task, and the specification with how sure it is.

Run ``python vis/plot_belief.py --help`` for the command.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from envs.palette import BASE_TASK_COLOURS
from envs.tasks import BASE_TASKS
from vis.style import AXIS_TITLES, TIME_TITLE, by_base_task, compose, panel, plain_axis, shades
from vis.tables import groups, numbers, rows, words

#: Seconds; what is believed changes most in the first of them, so time is logarithmic.
_TICKS = [0.1, 0.3, 1, 3, 10, 30, 100]
_FIRST = 0.05
_INSTANTS = 60
_BAND = 0.16  # opacity


def panels(table: pd.DataFrame, height: int = 240) -> list[go.Figure]:
    """Two small figures per true base task of an evaluation's ``trajectories.parquet`` (the agent's rows)."""
    parts = by_base_task(rows(table, "control", ["agent"]))
    return [draw(part, task, height) for task, part in parts.items() for draw in (_posterior, _specification)]


def figure(table: pd.DataFrame, title: str = "Belief over the episode, by base task asked for") -> go.Figure:
    """All base tasks in one figure."""
    return compose(title, panels(table), columns=2)


def _posterior(table: pd.DataFrame, true_task: str, height: int) -> go.Figure:
    columns = {f"p {task}": task for task in BASE_TASKS if f"p {task}" in table}
    instants = _instants(table)
    held = [_held(episode, list(columns), instants) for episode in groups(table, "task")]
    traces = [
        go.Scatter(
            x=instants.round(3).tolist(),
            y=np.mean([values[:, i] for values in held], axis=0).round(4).tolist(),
            name=task,
            mode="lines",
            stackgroup="posterior",
            line={"color": BASE_TASK_COLOURS[task], "width": 0.5},
            fillcolor=BASE_TASK_COLOURS[task],
            hovertemplate="%{y:.1%} after %{x:.2f} s<extra>%{fullData.name}</extra>",
        )
        for i, task in enumerate(columns.values())
    ]
    y = plain_axis("posterior (probability)", range=[0, 1])
    return panel(traces, f"{true_task}: base task", _time_axis(instants), y, height, showlegend=False)


def _specification(table: pd.DataFrame, true_task: str, height: int) -> go.Figure:
    """Estimates of each task's specification with their 90 % interval; dashed, what is true."""
    table = table.assign(colour=shades(table))
    instants = _instants(table)
    traces = [trace for episode in groups(table, "task") for trace in _estimate(episode, instants)]
    traces = [trace.update(showlegend=False) for trace in traces]
    kind = words(table, "kind")[0]
    axis = plain_axis(AXIS_TITLES[kind], range=_range(table))
    return panel(traces, f"{true_task}: specification", _time_axis(instants), axis, height, showlegend=False)


def _estimate(episode: pd.DataFrame, instants: np.ndarray) -> list[go.Scatter]:
    label, colour = words(episode, "label")[0], words(episode, "colour")[0]
    true, seconds = numbers(episode, "specification")[0], numbers(episode, "seconds", 3)
    low, high = numbers(episode, "estimate_low"), numbers(episode, "estimate_high")
    return [
        go.Scatter(
            x=[*seconds, *seconds[::-1]],
            y=[*high, *low[::-1]],
            name=f"{label}, 90 % interval",
            mode="lines",
            fill="toself",
            fillcolor=colour,
            opacity=_BAND,
            line={"width": 0, "color": colour},
            hoverinfo="skip",
        ),
        go.Scatter(
            x=[round(float(instants[0]), 3), round(float(instants[-1]), 3)],
            y=[true, true],
            name=f"{label}, true",
            mode="lines",
            line={"color": colour, "width": 1.2, "dash": "dash"},
            hoverinfo="skip",
        ),
        go.Scatter(
            x=seconds,
            y=numbers(episode, "estimate"),
            name=label,
            mode="lines",
            line={"color": colour, "width": 1.8},
            customdata=list(zip(low, high, strict=True)),
            hovertemplate="believes %{y:+.2f} [%{customdata[0]:+.2f}, %{customdata[1]:+.2f}] after %{x:.2f} s"
            "<extra>%{fullData.name}</extra>",
        ),
    ]


def _range(table: pd.DataFrame) -> list[float]:
    """From zero to half beyond the largest specification: the first guesses may lie anywhere."""
    largest = max(numbers(table, "specification"), key=abs)
    return sorted([-0.25 * largest, 1.5 * largest])


def _instants(table: pd.DataFrame) -> np.ndarray:
    """Seconds at which episodes of different strides are compared, evenly on a logarithmic axis."""
    seconds = np.asarray(table["seconds"], dtype=float)
    return np.geomspace(max(seconds.min(), _FIRST), max(seconds.max(), 2 * _FIRST), _INSTANTS)


def _held(episode: pd.DataFrame, columns: list[str], instants: np.ndarray) -> np.ndarray:
    """(instants, columns): the values at the last decision before each instant, or at the first."""
    episode = episode.sort_values("seconds")
    last = np.searchsorted(np.asarray(episode["seconds"], dtype=float), instants + 1e-9) - 1
    return episode[columns].to_numpy(float)[np.maximum(last, 0)]


def _time_axis(instants: np.ndarray) -> dict[str, object]:
    span = [math.log10(instants[0]), math.log10(instants[-1])]
    return plain_axis(TIME_TITLE, type="log", range=span, tickvals=_TICKS)


if __name__ == "__main__":
    from vis.command import main

    main("evaluation", "belief", lambda artifact, _: figure(artifact.table("trajectories.parquet")))
