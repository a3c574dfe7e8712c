"""A self-contained HTML page of plotly figures: one inlined plotly.js, no request, light and dark, phone to desktop."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from envs.palette import BASE_TASK_COLOURS
from vis.page_script import script
from vis.page_style import style_sheet
from vis.style import INK

#: The page may draw what it carries and ask for nothing else. plotly.js compiles its WebGL calls, hence unsafe-eval.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; media-src data:"
)


def document(title: str, body: Iterable[str]) -> str:
    """The page around the body's parts."""
    return "\n".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta name="color-scheme" content="light dark"><title>{escape(title)}</title>',
            f"<style>{style_sheet()}</style></head><body><main>",
            *body,
            f"</main><script>{get_plotlyjs()}</script><script>{script()}</script></body></html>\n",
        )
    )


def plot(figure: go.Figure, role: str = "") -> str:
    """One figure; the page's script draws it when it comes near.

    ``role`` is what an explorer does with it: ``map``, ``spare map`` (hidden until its button is pressed), ``linked``.
    """
    text = json.dumps(json.loads(str(figure.to_json())), separators=(",", ":"), sort_keys=True).replace("</", "<\\/")
    height = figure.layout.height  # type: ignore[union-attr]
    return (
        f'<figure class="plot {role}"{" hidden" if "spare" in role else ""}><div style="height:{height}px"></div>'
        f'<script type="application/json">{text}</script></figure>'
    )


def grid(figures: Sequence[go.Figure], least: int) -> str:
    """Figures side by side, each at least ``least`` px wide (or as wide as the page)."""
    return f'<div class="grid" style="--least:{least}px">{"".join(map(plot, figures))}</div>'


def explorer(maps: Mapping[str, go.Figure], linked: go.Figure | None) -> str:
    """Maps of the same points, one at a time, by name; what is chosen in one stands out in all, and in ``linked``.

    Points are known by their trace's ``text`` (the task, which names the traces of ``linked``) and ``customdata``.
    """
    buttons = "".join(
        f'<button type="button" aria-pressed="{str(not i).lower()}">{n}</button>' for i, n in enumerate(maps)
    )
    drawn = "".join(plot(figure, "spare map" if i else "map") for i, figure in enumerate(maps.values()))
    beside = plot(linked, "linked") if linked else ""
    hint = "Draw around points, or click one, to follow them; a double click lets go."
    return (
        f'<div class="explorer"><div class="tabs">{buttons}<span class="soft">{hint}</span></div>'
        f'<div class="grid" style="--least:420px"><div>{drawn}</div>{beside}</div></div>'
    )


def details(summary: str, *parts: str) -> str:
    """Something to unfold; the summary is text."""
    return f"<details><summary>{escape(summary)}</summary>{''.join(parts)}</details>"


def legend(entries: Iterable[tuple[str, str, str]]) -> str:
    """Names with colours and line styles (``solid``, ``dashed``)."""
    items = "".join(
        f'<span><i style="border-color:{_variable(colour)};border-top-style:{line}"></i>{escape(name)}</span>'
        for name, colour, line in entries
    )
    return f'<div class="legend">{items}</div>'


def task_legend(tasks: Iterable[str]) -> str:
    """The colours of base tasks."""
    return legend((task, BASE_TASK_COLOURS[task], "solid") for task in tasks)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], lead: int | None = None, words: bool = False) -> str:
    """A table that scrolls sideways when it must; cells are HTML; row ``lead`` is set off; of words or of numbers."""
    header = "".join(f"<th>{cell}</th>" for cell in head)
    body = "".join(
        f"<tr{' class=lead' if i == lead else ''}>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>"
        for i, row in enumerate(rows)
    )
    kind = "words" if words else "numbers"
    return (
        f'<div class="scroll"><table class="{kind}"><thead><tr>{header}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def section(name: str, title: str, intro: str, *parts: str) -> str:
    """A titled part of the page that the navigation can point to."""
    return f'<section id="{name}"><h2>{escape(title)}</h2><p class="soft">{escape(intro)}</p>{"".join(parts)}</section>'


def _variable(colour: str) -> str:
    """The page's variable for the ink, which is light on a dark page; other colours as they are."""
    return "var(--ink)" if colour == INK else colour
