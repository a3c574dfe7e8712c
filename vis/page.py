"""A self-contained HTML page of plotly figures: one inlined plotly.js, no request, light and dark, phone to desktop."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from html import escape

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from vis.style import DARK, FONT, GRID, INK, MUTED, PAPER

_STYLE = """
:root { --ink: INK; --muted: MUTED; --grid: GRID; --paper: PAPER; --page: #f6f7f9; --good: #1d7f3f; }
@media (prefers-color-scheme: dark) {
  :root { --ink: D_INK; --muted: D_MUTED; --grid: D_GRID; --paper: D_PAPER; --page: #0f1317; --good: #58c47d; }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 FONT; }
main { max-width: 1180px; margin: 0 auto; padding: 40px 24px 80px; }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 6px; letter-spacing: -.01em; }
h2 { font-size: 21px; margin: 56px 0 4px; letter-spacing: -.01em; }
h3 { font-size: 16px; margin: 28px 0 8px; }
p { margin: 0 0 16px; max-width: 760px; }
.soft, figcaption { color: var(--muted); }
nav { margin: 18px 0 0; display: flex; flex-wrap: wrap; gap: 6px 18px; font-size: 14px; }
a { color: inherit; text-underline-offset: 3px; text-decoration-color: var(--grid); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(240px, 1fr)); gap: 14px; margin: 28px 0 8px; }
.card, .plot, .scroll, video, details { background: var(--paper); border: 1px solid var(--grid); border-radius: 10px; }
.card { padding: 18px 20px; }
.card .name { font-size: 13px; color: var(--muted); }
.card .value { font-size: 34px; line-height: 1.25; font-weight: 620; font-variant-numeric: tabular-nums; }
.card .value small { font-size: 14px; font-weight: 400; color: var(--muted); margin-left: 6px; }
.card .beside { font-size: 13px; color: var(--muted); }
.card .beside b { color: var(--good); font-weight: 600; }
.grid { display: grid; gap: 12px; grid-template-columns: repeat(auto-fill, minmax(min(100%, var(--least)), 1fr)); }
.plot { margin: 0; padding: 6px; overflow: hidden; min-width: 0; }
.scroll { overflow-x: auto; margin: 14px 0; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 9px; text-align: right; white-space: nowrap; line-height: 1.35; }
th, td { border-top: 1px solid var(--grid); }
thead th { border-top: 0; color: var(--muted); font-weight: 500; font-size: 12.5px; }
thead th { vertical-align: bottom; white-space: normal; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: var(--paper); }
tr.lead td { font-weight: 600; }
td small { font-size: 11.5px; color: var(--muted); font-weight: 400; }
td code { font-size: 10.5px; white-space: normal; word-break: break-all; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; font-size: 13px; color: var(--muted); margin: 0 0 10px; }
.legend i { display: inline-block; width: 18px; border-top: 3px solid; margin-right: 7px; vertical-align: 4px; }
video { display: block; width: 100%; max-width: 720px; }
@media (max-width: 560px) {
  main { padding: 24px 14px 60px; } h1 { font-size: 25px; } h2 { margin-top: 44px; }
  th, td { padding: 8px 10px; } .plot { padding: 2px; }
}
"""

_SCRIPT = """
const dark = matchMedia('(prefers-color-scheme: dark)').matches;
const palette = PALETTE;
const config = {displaylogo: false, responsive: true, displayModeBar: false};
const waiting = new Set(document.querySelectorAll('.plot'));
document.body.dataset.figures = waiting.size;
let drawn = 0;
function draw(box) {
  if (!waiting.delete(box)) return Promise.resolve();
  let text = box.querySelector('script').textContent;
  if (dark) for (const [light, night] of palette) text = text.replaceAll(light, night);
  const figure = JSON.parse(text);
  return Plotly.newPlot(box.querySelector('div'), figure.data, figure.layout, config)
    .then(() => { document.body.dataset.drawn = ++drawn; });
}
const drawSeen = seen => seen.forEach(s => s.isIntersecting && draw(s.target));
const near = new IntersectionObserver(drawSeen, {rootMargin: '400px'});
waiting.forEach(box => near.observe(box));
function rest() {
  const next = waiting.values().next().value;
  if (next) draw(next).then(() => setTimeout(rest, 20));
}
setTimeout(rest, 300);
"""

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
            f"<style>{_style()}</style></head><body><main>",
            *body,
            f"</main><script>{get_plotlyjs()}</script><script>{_script()}</script></body></html>\n",
        )
    )


def plot(figure: go.Figure) -> str:
    """One figure; the page's script draws it when it comes near."""
    text = json.dumps(json.loads(str(figure.to_json())), separators=(",", ":"), sort_keys=True).replace("</", "<\\/")
    height = figure.layout.height  # type: ignore[union-attr]
    return (
        f'<figure class="plot"><div style="height:{height}px"></div>'
        f'<script type="application/json">{text}</script></figure>'
    )


def grid(figures: Sequence[go.Figure], least: int) -> str:
    """Figures side by side, each at least ``least`` px wide (or as wide as the page)."""
    return f'<div class="grid" style="--least:{least}px">{"".join(map(plot, figures))}</div>'


def legend(entries: Iterable[tuple[str, str, str]]) -> str:
    """Names with colours and line styles (``solid``, ``dashed``)."""
    items = "".join(
        f'<span><i style="border-color:{_variable(colour)};border-top-style:{line}"></i>{escape(name)}</span>'
        for name, colour, line in entries
    )
    return f'<div class="legend">{items}</div>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]], lead: int | None = None) -> str:
    """A table that scrolls sideways when it must; cells are HTML; row ``lead`` is set off."""
    header = "".join(f"<th>{cell}</th>" for cell in head)
    body = "".join(
        f"<tr{' class=lead' if i == lead else ''}>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>"
        for i, row in enumerate(rows)
    )
    return f'<div class="scroll"><table><thead><tr>{header}</tr></thead><tbody>{body}</tbody></table></div>'


def section(name: str, title: str, intro: str, *parts: str) -> str:
    """A titled part of the page that the navigation can point to."""
    return f'<section id="{name}"><h2>{escape(title)}</h2><p class="soft">{escape(intro)}</p>{"".join(parts)}</section>'


def _style() -> str:
    words = {"D_INK": DARK[INK], "D_MUTED": DARK[MUTED], "D_GRID": DARK[GRID], "D_PAPER": DARK[PAPER], "FONT": FONT}
    text = _STYLE
    for word, value in {**words, "INK": INK, "MUTED": MUTED, "GRID": GRID, "PAPER": PAPER}.items():
        text = text.replace(word, value)
    return text


def _script() -> str:
    return _SCRIPT.replace("PALETTE", json.dumps(list(DARK.items())))


def _variable(colour: str) -> str:
    """The page's variable for the ink, which is light on a dark page; other colours as they are."""
    return "var(--ink)" if colour == INK else colour
