"""Parts of the report: the headline, and the tables of results."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import pandas as pd

from envs.palette import CONTROL_TITLES
from vis import page, plot_results
from vis.content import Content, RouteResult
from vis.plot_results import PUBLISHED, Controls, kinds_of
from vis.style import ROUTE_TITLES

_NONE = "&ndash;"
Values = Mapping[str, float | None]


def headline(content: Content) -> str:
    """For each route a sentence, and a card per kind of task."""
    return "".join(_route(content, route, result) for route, result in content.routes.items())


def _route(content: Content, route: str, result: RouteResult) -> str:
    agent = result.controls["agent"]
    success = [f"{kind} {number(agent[f'{kind}_success']['mean'], '.0%')}" for kind in kinds_of(result.controls)]
    known = number(agent["decisions_to_identify"]["mean"], ".1f")
    sentence = (
        f"Success: {', '.join(success)}. Falls: {number(agent['fall_rate']['mean'], '.0%')}. The base task is known "
        f"after {known} decisions. An episode takes {number(agent['seconds']['mean'], '.0f')} s of simulated time."
    )
    cards = "".join(_card(kind, result.controls, content.body) for kind in kinds_of(result.controls))
    title = f"Route {route}: {ROUTE_TITLES[route]}"
    return f'<h3>{escape(title)}</h3><p class="soft">{sentence}</p><div class="cards">{cards}</div>'


def _card(kind: str, controls: Controls, body: str) -> str:
    metric = f"{kind}_settled"
    agent, oracle = controls["agent"][metric], controls.get("oracle", {}).get(metric, {})
    known = PUBLISHED.get(body, {}).get(kind)
    beside = [f"oracle, told the task: {number(oracle.get('median'))}"]
    if known:
        beside.append(f"published: {known.median:.2f}, its best model {known.best:.2f}")
        beside += _lower(agent["median"], known.best)
    return (
        f'<div class="card"><div class="name">{kind} error, median</div>'
        f'<div class="value">{number(agent["median"])}</div><div class="beside">{"<br>".join(beside)}</div></div>'
    )


def _lower(own: float, published: float) -> list[str]:
    """How much better than the best published model, if it is."""
    if not 0 < own < published:
        return []
    times = published / own
    return [f"<b>{times:.{0 if times >= 10 else 1}f} times lower than its best</b>"]


def results(content: Content) -> str:
    """Figures and tables of all controls."""
    parts = []
    for route, result in content.routes.items():
        parts.append(f"<h3>Route {route}: {ROUTE_TITLES[route]}</h3>")
        parts.append(page.grid(plot_results.panels(result.controls, content.body), 420))
        parts.append(_table(result.controls, content.body))
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


def _table(controls: Controls, body: str) -> str:
    names, kinds = [c for c in CONTROL_TITLES if c in controls], kinds_of(controls)
    columns = [*((f"{kind} success", f"{kind}_success", ".0%") for kind in kinds), *_COLUMNS]
    rows = [
        [
            CONTROL_TITLES[name],
            *(_error(controls[name].get(f"{kind}_settled", {})) for kind in kinds),
            *(number(controls[name].get(metric, {}).get("mean"), form) for _, metric, form in columns),
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
    median, mean, middle, low, high = (number(values.get(name)) for name in ("median", "mean", "iqm", "low", "high"))
    return f"{median} <small>mean {mean}<br>IQM {middle} [{low}, {high}]</small>"


#: Column title, metric, statistic, format.
_SWITCH_COLUMNS = (
    ("decisions to the new base task, mean", "identification", "mean", ".1f"),
    ("decisions to an error below 0.10, median", "recovery", "median", ".0f"),
    ("settled error after it, mean", "settled", "mean", ".3f"),
    ("settled error after it, median", "settled", "median", ".3f"),
    ("falls", "fell", "mean", ".0%"),
)


def switch_table(switches: Controls) -> str:
    """How soon a change of the task is followed, by control."""
    rows = [
        [CONTROL_TITLES[control], *(number(values[name][how], form) for _, name, how, form in _SWITCH_COLUMNS)]
        for control, values in switches.items()
    ]
    return page.table(["", *(column[0] for column in _SWITCH_COLUMNS)], rows, lead=0)


def number(value: float | None, form: str = ".3f") -> str:
    """A number as HTML; a dash where there is none."""
    return _NONE if value is None or pd.isna(value) else format(value, form).replace("-", "&minus;")
