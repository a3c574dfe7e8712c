"""The page of a comparison: several bodies on the same frozen toys, in figures and one table."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from stages.comparison_table import shown
from vis import page, plot_comparison, report_origin
from vis.content import Source
from vis.plot_comparison import Row
from vis.report_results import number


def render(rows: Sequence[Row], lineage: Sequence[Source]) -> str:
    """The page of ``comparison.json``'s rows and of the artifacts that they come from."""
    bodies = list(dict.fromkeys(str(row["body"]) for row in rows))
    title = f"Carryover: {len(bodies)} {'body' if len(bodies) == 1 else 'bodies'}"
    return page.document(title, [_head(title, rows, bodies), _results(rows), report_origin.lineage(lineage)])


def _head(title: str, rows: Sequence[Row], bodies: Sequence[str]) -> str:
    toys = len({row["toy_inference"] for row in rows})
    about = (
        f"{', '.join(bodies)}: each is told no task and infers it from rewards, with the encoder of "
        f"{'one frozen toy, which all share' if toys == 1 else f'{toys} frozen toys, one per space of coordinates'}."
    )
    agents = [row for row in rows if row["control"] == "agent"]
    links = '<a href="#results">Results</a><a href="#lineage">Lineage</a>'
    return (
        f'<header><h1>{escape(title)}</h1><p class="soft">{escape(about)}</p>'
        f'<div class="cards">{"".join(map(_card, agents))}</div><nav>{links}{report_origin.MADE_LINK}</nav></header>'
    )


def _card(row: Row) -> str:
    beside = (
        f"goal error {number(row['goal_settled_median'])}, velocity error {number(row['velocity_settled_median'])}, "
        f"medians<br>falls {number(row['fall_rate'], '.0%')}, return {number(row['return'], '.1f')}"
    )
    return (
        f'<div class="card"><div class="name">{escape(row["body"])}, route {row["route"]}</div>'
        f'<div class="value">{number(row["success"], ".0%")}</div>'
        f'<div class="beside">of episodes settle within 0.10<br>{beside}</div></div>'
    )


def _results(rows: Sequence[Row]) -> str:
    lines = [{name: escape(cell) for name, cell in shown(row).items()} for row in rows]
    for line in lines:
        line["toy"] = f"<code>{line['toy']}</code>"
    intro = (
        "Reference tasks. Settled error: |value - target| / |target|, mean over the second half of the decisions; 0 is "
        "perfect, 1 is standing still. Means with bootstrap 95 % intervals over episodes; times are simulated."
    )
    table = page.table(list(lines[0]), [list(line.values()) for line in lines])
    return page.section("results", "Results", intro, page.grid(plot_comparison.panels(rows), 420), table)
