"""How a page looks: one style sheet, light and dark, phone to desktop."""

from __future__ import annotations

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
.words th, .words td { text-align: left; vertical-align: top; }
.words td { white-space: normal; min-width: 96px; }
.words td:has(> code) { min-width: 280px; }
.numbers td code { white-space: nowrap; }
td small { font-size: 11.5px; color: var(--muted); font-weight: 400; }
td code { font-size: 10.5px; white-space: normal; word-break: break-all; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; font-size: 13px; color: var(--muted); margin: 0 0 10px; }
.legend i { display: inline-block; width: 18px; border-top: 3px solid; margin-right: 7px; vertical-align: 4px; }
video { display: block; width: 100%; }
[hidden] { display: none; }
.tabs { display: flex; flex-wrap: wrap; align-items: center; gap: 6px; margin: 0 0 8px; font-size: 13px; }
button { font: inherit; color: var(--muted); background: var(--paper); border: 1px solid var(--grid);
  border-radius: 999px; padding: 5px 13px; cursor: pointer; }
button[aria-pressed=true] { color: var(--ink); border-color: var(--muted); font-weight: 600; }
details { padding: 10px 14px; margin: 8px 0; }
summary { cursor: pointer; font-size: 14px; overflow-wrap: anywhere; }
details .scroll { margin: 10px 0 4px; }
@media (max-width: 560px) {
  main { padding: 24px 14px 60px; } h1 { font-size: 25px; } h2 { margin-top: 44px; }
  th, td { padding: 8px 10px; } .plot { padding: 2px; }
}
"""


def style_sheet() -> str:
    """The style sheet, with the figures' own colours."""
    words = {"D_INK": DARK[INK], "D_MUTED": DARK[MUTED], "D_GRID": DARK[GRID], "D_PAPER": DARK[PAPER], "FONT": FONT}
    text = _STYLE
    for word, value in {**words, "INK": INK, "MUTED": MUTED, "GRID": GRID, "PAPER": PAPER}.items():
        text = text.replace(word, value)
    return text
