"""The page of ``vis.play``: one document that asks its own server alone, and draws the body on a canvas."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from typing import Any

from vis.style import BASE_TASK_COLOURS, DARK, FONT, GRID, INK, MUTED, PAPER

_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:"

_STYLE = """
:root { --ink: INK; --muted: MUTED; --grid: GRID; --paper: PAPER; --page: #f6f7f9; }
@media (prefers-color-scheme: dark) {
  :root { --ink: D_INK; --muted: D_MUTED; --grid: D_GRID; --paper: D_PAPER; --page: #0f1317; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 FONT; }
main { max-width: 1080px; margin: 0 auto; padding: 24px 16px 48px; }
h1 { font-size: 22px; margin: 0 0 4px; } p { margin: 0 0 14px; color: var(--muted); }
canvas { display: block; width: 100%; background: var(--paper); border: 1px solid var(--grid); border-radius: 10px; }
.two { display: grid; gap: 12px; margin-top: 12px; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); }
h2 { font-size: 13px; font-weight: 500; color: var(--muted); margin: 0 0 4px; }
form, .now { display: flex; flex-wrap: wrap; gap: 8px 14px; align-items: center; margin: 12px 0 0; }
input[type=range] { flex: 1 1 220px; } input[type=text] { flex: 1 1 260px; font-family: ui-monospace, monospace; }
input[type=text], select, button { font-size: 14px; padding: 6px 10px; border: 1px solid var(--grid); }
input[type=text], select, button { border-radius: 8px; background: var(--paper); color: var(--ink); }
output { min-width: 92px; font-variant-numeric: tabular-nums; } .now { font-variant-numeric: tabular-nums; }
#said { color: #c0392b; min-height: 22px; margin: 6px 0 0; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 14px; font-size: 12.5px; color: var(--muted); margin-top: 4px; }
.legend i { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 5px; }
"""

_BODY = """
<h1>NAME</h1>
<p>The body is not told what you want. It sees rewards, infers it and follows.</p>
<canvas id="world" height="300"></canvas>
<form id="task"><select id="kind" aria-label="kind of task"></select>
<input type="range" id="size" step="any" aria-label="specification"><output id="value"></output>
<button type="button" id="again">start again</button></form>
<form id="own"><input type="text" id="formula" maxlength="200" aria-label="formula" placeholder="EXAMPLE">
<button>reward by my formula</button></form>
<p id="said" role="alert"></p>
<div class="now"><span id="time"></span><span id="command"></span><span id="reward"></span><b id="belief"></b></div>
<div class="two">
<div><h2>belief over base tasks, the last 20 s; the strip on top is the truth</h2>
<canvas id="beliefs" height="170"></canvas><div class="legend" id="legend"></div></div>
<div><h2 id="about">what is asked for</h2><canvas id="estimates" height="170"></canvas>
<div class="legend"><span>dashed: asked for</span><span>bold: believed</span><span>thin: the body</span></div></div>
</div>
"""

_SCRIPT = """
const about = ABOUT, colours = COLOURS, $ = id => document.getElementById(id);
const css = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const KEEP = Math.round(20 / about.dt), frames = [];
let came = 0, camera = [0, 0], drawn = 0;
for (const kind of about.kinds) $('kind').add(new Option(kind.name.replace('_y', ' across'), kind.name));
$('legend').innerHTML = about.base_tasks.map(n => `<span><i style="background:${colours[n]}"></i>${n}</span>`).join('');
const chosen = () => about.kinds.find(kind => kind.name === $('kind').value);
async function send(wish) {
  const answer = await fetch('wish', {method: 'POST', headers: {'Content-Type': 'application/json'},
    body: JSON.stringify(wish)});
  $('said').textContent = (await answer.json()).error || '';
}
function fit() {
  const kind = chosen(), high = kind.range[1], slider = $('size');
  slider.min = kind.signed ? -high : kind.range[0]; slider.max = high; slider.value = high; told();
}
function told() {
  const kind = chosen(), least = kind.range[0], value = Number($('size').value);
  const wanted = Math.abs(value) < least ? (value < 0 ? -least : least) : value;
  $('value').textContent = `${wanted > 0 ? '+' : ''}${wanted.toFixed(2)} ${kind.unit}`;
  return wanted;
}
const ask = () => send({kind: $('kind').value, specification: told()});
$('kind').onchange = () => { fit(); ask(); };
$('size').oninput = told; $('size').onchange = ask;
$('again').onclick = () => send({restart: true});
$('task').onsubmit = event => event.preventDefault();
$('own').onsubmit = event => { event.preventDefault(); send({formula: $('formula').value}); };
fit();

const stream = new EventSource('stream');
stream.onmessage = event => {
  const frame = JSON.parse(event.data);
  if (frames.length && frame.seconds < frames[frames.length - 1].seconds) frames.length = 0;
  frames.push(frame); came = performance.now();
  if (frames.length > KEEP) frames.shift();
  document.body.dataset.frames = Number(document.body.dataset.frames || 0) + 1;
  tell(frame);
};
stream.onerror = () => { $('said').textContent = 'the server has ended; start it again'; };
function tell(frame) {
  const most = frame.belief.indexOf(Math.max(...frame.belief));
  $('time').textContent = `${frame.seconds.toFixed(1)} s`;
  $('command').textContent = `command ${frame.command}, held for ${frame.stride} steps`;
  $('reward').textContent = `reward ${frame.reward.toFixed(2)}${frame.number ? '' : ' (the formula gives no number)'}`;
  $('belief').textContent = `believes: ${about.base_tasks[most]} (${Math.round(100 * frame.belief[most])} %)`;
}
function board(id) {
  const canvas = $(id), scale = devicePixelRatio || 1, width = canvas.clientWidth;
  const tall = Number(canvas.dataset.tall || (canvas.dataset.tall = canvas.getAttribute('height')));
  if (canvas.width !== Math.round(width * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(tall * scale);
    canvas.style.height = tall + 'px';
  }
  const pen = canvas.getContext('2d'); pen.setTransform(scale, 0, 0, scale, 0, 0); pen.clearRect(0, 0, width, tall);
  return [pen, width, tall];
}
function world() {
  const [pen, width, height] = board('world'), n = frames.length;
  if (!n) return;
  const last = frames[n - 1], before = frames[Math.max(n - 2, 0)];
  const share = Math.min((performance.now() - came) / (1000 * about.dt), 1);
  const geoms = last.geoms.map((value, i) => before.geoms[i] + share * (value - before.geoms[i]));
  let middle = [0, 0];
  for (let i = 0; i < geoms.length; i += 3) { middle[0] += geoms[i]; middle[1] += geoms[i + 1]; }
  camera = middle.map(value => 3 * value / geoms.length);
  const metre = Math.min(height / (2.2 * about.size), width / (4 * about.size));
  const floor = height * (about.plane ? .62 : .82);
  const tilt = about.plane ? .55 : 0, lift = about.plane ? .83 : 1;
  const to = (x, y, z) => [width / 2 + (x - camera[0]) * metre, floor - metre * (lift * z + tilt * (y - camera[1]))];
  ground(pen, width, height, metre, to, floor);
  mark(pen, last, to, height, width);
  const lines = about.radii.map((radius, i) => [radius, ...geoms.slice(6 * i, 6 * i + 6)]);
  lines.sort((a, b) => b[2] + b[5] - a[2] - a[5]);
  pen.lineCap = 'round';
  const base = last.belief.indexOf(Math.max(...last.belief));
  for (const outline of [true, false]) for (const [radius, ...p] of lines) {
    pen.strokeStyle = outline ? css('--ink') : colours[about.base_tasks[base]];
    pen.lineWidth = 2 * radius * metre + (outline ? 2 : 0);
    pen.beginPath(); pen.moveTo(...to(...p.slice(0, 3))); pen.lineTo(...to(p[3] + 1e-4, p[4], p[5])); pen.stroke();
  }
}
function ground(pen, width, height, metre, to, floor) {
  pen.strokeStyle = css('--grid'); pen.fillStyle = css('--muted'); pen.lineWidth = 1; pen.font = '11px FONTS';
  const reach = Math.ceil(width / 2 / metre) + 1, first = Math.floor(camera[0]) - reach;
  for (let x = first; x <= first + 2 * reach; x++) {
    const depth = about.plane ? 6 : 0, [a, b] = [to(x, camera[1] - depth, 0), to(x, camera[1] + depth, 0)];
    pen.beginPath();
    pen.moveTo(a[0], about.plane ? a[1] : floor);
    pen.lineTo(b[0], about.plane ? b[1] : floor + 6);
    pen.stroke();
    pen.fillText(`${x} m`, to(x, 0, 0)[0] + 3, height - 6);
  }
  if (about.plane) for (let y = Math.floor(camera[1]) - 6; y <= camera[1] + 6; y++) {
    const at = to(0, y, 0)[1]; pen.beginPath(); pen.moveTo(0, at); pen.lineTo(width, at); pen.stroke();
  } else { pen.beginPath(); pen.moveTo(0, floor); pen.lineTo(width, floor); pen.stroke(); }
}
function mark(pen, frame, to, height, width) {
  if (!frame.kind.startsWith('goal')) return;
  const within = (value, most) => Math.min(Math.max(value, 3), most - 3);
  pen.strokeStyle = colours[about.base_tasks[frame.base_task]]; pen.lineWidth = 2;
  pen.setLineDash([6, 4]); pen.beginPath();
  if (frame.kind === 'goal') {
    const x = within(to(frame.specification, 0, 0)[0], width); pen.moveTo(x, 0); pen.lineTo(x, height);
  } else {
    const y = within(to(0, frame.specification, 0)[1], height); pen.moveTo(0, y); pen.lineTo(width, y);
  }
  pen.stroke(); pen.setLineDash([]);
}
function beliefs() {
  const [pen, width, height] = board('beliefs'), bar = width / KEEP, strip = 12;
  frames.forEach((frame, i) => {
    let top = strip + 4;
    if (frame.base_task !== null) {
      pen.fillStyle = colours[about.base_tasks[frame.base_task]]; pen.fillRect(i * bar, 0, bar + 1, strip);
    }
    frame.belief.forEach((p, k) => {
      pen.fillStyle = colours[about.base_tasks[k]];
      pen.fillRect(i * bar, top, bar + 1, p * (height - strip - 4)); top += p * (height - strip - 4);
    });
  });
}
function estimates() {
  const [pen, width, height] = board('estimates'), last = frames[frames.length - 1];
  if (!last) return;
  const most = about.base_tasks[last.belief.indexOf(Math.max(...last.belief))];
  const name = last.kind || about.kinds.map(k => k.name).sort((a, b) => b.length - a.length)
    .find(k => most.startsWith(k.replace('_y', '')));
  const place = about.kinds.findIndex(kind => kind.name === name), kind = about.kinds[place];
  const top = 1.4 * kind.range[1], at = about.coordinates.indexOf(kind.about);
  $('about').textContent = `${kind.about} (${kind.unit}), from ${-top.toFixed(1)} to ${top.toFixed(1)}`;
  const y = value => height / 2 - Math.max(Math.min(value / top, 1), -1) * (height / 2 - 4);
  const line = (read, colour, thick, dash) => {
    pen.strokeStyle = colour; pen.lineWidth = thick; pen.setLineDash(dash); pen.beginPath();
    frames.forEach((frame, i) => {
      const value = read(frame);
      if (value === null) return;
      pen[i ? 'lineTo' : 'moveTo'](i * width / KEEP, y(value));
    });
    pen.stroke(); pen.setLineDash([]);
  };
  line(() => 0, css('--grid'), 1, []);
  line(frame => frame.coordinates[at], css('--muted'), 1.2, []);
  line(frame => frame.estimates[place], colours[most], 2.5, []);
  line(frame => frame.kind === name ? frame.specification : null, css('--ink'), 1.2, [5, 4]);
}
function show() {
  world();
  if (drawn++ % 4 === 0) { beliefs(); estimates(); }
  requestAnimationFrame(show);
}
show();
"""


def document(about: Mapping[str, Any]) -> str:
    """The page of an agent, about which ``Play.about`` says all that does not change."""
    speed = next(name for name in about["coordinates"] if name.startswith("v"))
    body = _BODY.replace("NAME", escape(str(about["name"]))).replace("EXAMPLE", f"-abs({speed} - 2) / 2")
    return "\n".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">',
            f"<title>{escape(str(about['name']))}</title><style>{_style()}</style></head><body><main>{body}</main>",
            f"<script>{_script(about)}</script></body></html>\n",
        )
    )


def _style() -> str:
    words = {"D_INK": DARK[INK], "D_MUTED": DARK[MUTED], "D_GRID": DARK[GRID], "D_PAPER": DARK[PAPER]}
    text = _STYLE
    for word, value in {**words, "FONT": FONT, "INK": INK, "MUTED": MUTED, "GRID": GRID, "PAPER": PAPER}.items():
        text = text.replace(word, value)
    return text


def _script(about: Mapping[str, Any]) -> str:
    shown = json.dumps(about).replace("</", "<\\/")
    text = _SCRIPT.replace("ABOUT", shown).replace("COLOURS", json.dumps(BASE_TASK_COLOURS))
    return text.replace("FONTS", FONT.replace("'", "\\'"))
