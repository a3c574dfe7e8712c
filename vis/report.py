"""The report: one self-contained page with the result, what led to it, and where it came from.

Run ``python vis/report.py --help`` for the command.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import pandas as pd
import plotly.graph_objects as go

from vis import page, plot_belief, plot_latent, plot_learning, plot_results, plot_strides, plot_tracking
from vis import plot_trajectories as trajectories
from vis.plot_results import CONTROL_TITLES, PUBLISHED, Controls, kinds_of
from vis.style import BASE_TASK_COLOURS, ROUTE_TITLES, by_base_task, control_colour

_NONE = "&ndash;"
Values = Mapping[str, float | None]


@dataclass(frozen=True)
class RouteResult:
    """One route's evaluation: ``controls.json``, ``switches.json``, trajectories, embedded latents, and the video.

    ``video`` is the mp4's bytes, or the sentence that says why there is none.
    """

    controls: Controls
    switches: Controls
    trajectories: pd.DataFrame
    latents: pd.DataFrame
    video: bytes | str


@dataclass(frozen=True)
class Content:
    """Everything that the report shows.

    Attributes:
        toy_latents: ``plot_latent.embed`` of the toy's held-out latents.
        tracking: the low level's ``tracking.parquet``.
        curves: ``learning_curve.parquet`` by stage.
        lineage: (input, stage, key, digest) rows.
    """

    body: str
    seed: int
    routes: Mapping[str, RouteResult]
    toy_latents: pd.DataFrame
    tracking: pd.DataFrame
    curves: Mapping[str, pd.DataFrame]
    lineage: Sequence[tuple[str, str, str, str]]


def render(content: Content) -> str:
    """The page."""
    sections = [_results(content), *(_route(name, result) for name, result in content.routes.items())]
    sections += [_latents(content), _strides(content), _low_level(content), _learning(content), _lineage(content)]
    return page.document(f"Carryover: {content.body}", [_head(content), *sections])


def _head(content: Content) -> str:
    cards = [
        _card(f"median {kind} error, {ROUTE_TITLES[route]}", result.controls, kind, content.body)
        for route, result in content.routes.items()
        for kind in kinds_of(result.controls)
    ]
    links = [("results", "Results"), *((f"route-{r}", f"Route {r}") for r in content.routes)]
    links += [("latents", "Latents"), ("strides", "Strides"), ("low-level", "Low level")]
    links += [("learning", "Learning"), ("lineage", "Lineage")]
    nav = "".join(f'<a href="#{name}">{title}</a>' for name, title in links)
    return (
        f'<header><h1>Carryover: {escape(content.body)}</h1><p class="soft">A task-inference encoder, trained once on '
        f"a toy and carried over frozen. The {escape(content.body)} is told no task: "
        f"the encoder infers it from rewards. Seed {content.seed}.</p>"
        f'<div class="cards">{"".join(cards)}</div><nav>{nav}</nav></header>'
    )


def _card(name: str, controls: Controls, kind: str, body: str) -> str:
    metric = f"{kind}_settled"
    agent, oracle = controls["agent"][metric], controls.get("oracle", {}).get(metric, {})
    known = PUBLISHED.get(body, {}).get(kind)
    beside = [f"oracle {_number(oracle.get('median'))}"]
    if known:
        beside.append(f"published {known.median:.2f}, its best model {known.best:.2f}")
    return (
        f'<div class="card"><div class="name">{escape(name)}</div>'
        f'<div class="value">{_number(agent["median"])}</div><div class="beside">{"<br>".join(beside)}</div></div>'
    )


def _results(content: Content) -> str:
    parts = []
    for route, result in content.routes.items():
        parts.append(f"<h3>Route {route}: {ROUTE_TITLES[route]}</h3>")
        parts.append(page.grid(plot_results.panels(result.controls, content.body), 420))
        parts.append(_result_table(result.controls, content.body))
    intro = (
        "Settled error: |value - target| / |target|, mean over the second half of the decisions; 0 is perfect, 1 is "
        "standing still. Medians over the episodes of the reference tasks, as the published figures are; below them "
        "the mean and the interquartile mean (IQM) with its bootstrap 95 % interval, which the figure shows."
    )
    return page.section("results", "Results", intro, *parts)


#: Column title, metric, format; before them come error and success of each kind.
_COLUMNS = (
    ("return", "return", ".1f"),
    ("falls", "fall_rate", ".0%"),
    ("simulated time (s)", "seconds", ".1f"),
    ("mean stride (steps)", "mean_stride", ".1f"),
    ("decisions to identify", "decisions_to_identify", ".1f"),
    ("base task accuracy", "base_task_accuracy", ".1%"),
    ("specification R²", "specification_r2", ".3f"),
)


def _result_table(controls: Controls, body: str) -> str:
    names, kinds = [c for c in CONTROL_TITLES if c in controls], kinds_of(controls)
    columns = [*((f"{kind} success", f"{kind}_success", ".0%") for kind in kinds), *_COLUMNS]
    rows = [
        [
            CONTROL_TITLES[name],
            *(_error(controls[name].get(f"{kind}_settled", {})) for kind in kinds),
            *(_number(controls[name].get(metric, {}).get("mean"), form) for _, metric, form in columns),
        ]
        for name in names
    ]
    known = PUBLISHED.get(body, {})
    for which in ("median", "best") if known else ():
        cells = [f"{getattr(known[kind], which):.2f}" if kind in known else _NONE for kind in kinds]
        rows.append([f"published, {which}{' model' if which == 'best' else ''}", *cells, *[_NONE] * len(columns)])
    return page.table(["", *(f"{kind} error" for kind in kinds), *(c[0] for c in columns)], rows, lead=0)


def _error(values: Values) -> str:
    if values.get("median") is None:
        return _NONE
    median, mean, middle, low, high = (_number(values.get(name)) for name in ("median", "mean", "iqm", "low", "high"))
    return f"{median} <small>mean {mean}<br>IQM {middle} [{low}, {high}]</small>"


def _number(value: float | None, form: str = ".3f") -> str:
    return _NONE if value is None or pd.isna(value) else format(value, form).replace("-", "&minus;")


def _route(route: str, result: RouteResult) -> str:
    lines = [("target", "#8c96a0", "dashed"), *((c, control_colour(c), "solid") for c in ("agent", "oracle"))]
    parts = [page.legend(lines), page.grid(trajectories.panels(result.trajectories), 330)]
    parts += [
        "<h3>Belief</h3>",
        _task_legend(result.trajectories),
        page.grid(plot_belief.panels(result.trajectories, 220), 250),
    ]
    parts += ["<h3>When the task changes</h3>", _switch_table(result.switches)]
    parts += ["<h3>Video</h3>", _video(result.video)]
    intro = (
        "The reference tasks, one episode each; every mark is the end of a stride. "
        "Belief is the posterior over base tasks by decision, averaged over the tasks asked for. "
        "At last every reference task changes into another in mid-episode, unannounced; the oracle is told."
    )
    return page.section(f"route-{route}", f"Route {route}: {ROUTE_TITLES[route]}", intro, *parts)


def _task_legend(table: pd.DataFrame) -> str:
    return page.legend((task, BASE_TASK_COLOURS[task], "solid") for task in by_base_task(table))


#: Column title, metric, statistic, format.
_SWITCH_COLUMNS = (
    ("decisions to the new base task, mean", "identification", "mean", ".1f"),
    ("decisions to an error below 0.10, median", "recovery", "median", ".0f"),
    ("settled error after it, mean", "settled", "mean", ".3f"),
    ("settled error after it, median", "settled", "median", ".3f"),
    ("falls", "fell", "mean", ".0%"),
)


def _switch_table(switches: Controls) -> str:
    rows = [
        [CONTROL_TITLES[control], *(_number(values[name][how], form) for _, name, how, form in _SWITCH_COLUMNS)]
        for control, values in switches.items()
    ]
    return page.table(["", *(column[0] for column in _SWITCH_COLUMNS)], rows, lead=0)


def _video(video: bytes | str) -> str:
    if isinstance(video, str):
        return f'<p class="soft">No video: {escape(video.strip())}</p>'
    data = base64.b64encode(video).decode()
    return f'<video controls muted loop playsinline preload="metadata" src="data:video/mp4;base64,{data}"></video>'


def _latents(content: Content) -> str:
    toy: list[go.Figure] = [
        plot_latent.plane(content.toy_latents, title="Toy, held-out tasks"),
        plot_latent.space(content.toy_latents, title="Toy, held-out tasks, 3-D"),
    ]
    bodies = [
        plot_latent.plane(result.latents, title=f"{content.body}, route {route}")
        for route, result in content.routes.items()
    ]
    figures = [f.update_layout(showlegend=False) for f in (*toy, *bodies)]
    intro = "t-SNE of the encoder's latents. Colour is the base task, brightness the size of the specification."
    return page.section("latents", "Latent map", intro, _task_legend(content.toy_latents), page.grid(figures, 420))


def _strides(content: Content) -> str:
    figures = [
        plot_strides.figure(result.trajectories, f"Route {route}").update_layout(showlegend=False)
        for route, result in content.routes.items()
    ]
    intro = "How many low-level steps the agent lets a decision last."
    return page.section(
        "strides",
        "Strides",
        intro,
        _task_legend(content.toy_latents),
        page.grid(figures, 420),
    )


def _low_level(content: Content) -> str:
    figures = plot_tracking.panels(content.tracking)
    intro = "Error of the low-level controller when told the true command, second half of the episode."
    return page.section("low-level", "Low level", intro, page.grid(figures, 420))


def _learning(content: Content) -> str:
    parts = []
    for stage, curve in content.curves.items():
        parts += [f"<h3>{escape(stage)}</h3>", page.grid(plot_learning.panels(curve, stage), 330)]
    return page.section("learning", "Learning curves", "What each stage logged while it learned.", *parts)


def _lineage(content: Content) -> str:
    rows = [
        [escape(name), escape(stage), f"<code>{key}</code>", f"<code>{digest}</code>"]
        for name, stage, key, digest in content.lineage
    ]
    intro = "The artifacts that this page was drawn from: equal keys give equal bytes."
    return page.section("lineage", "Lineage", intro, page.table(["input", "stage", "key", "digest"], rows))


if __name__ == "__main__":
    from vis.command import copy_file

    copy_file("plots", "report.html")
