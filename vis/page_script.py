"""What a page does: draw figures as they come near, and follow chosen points from map to map and to trajectories."""

from __future__ import annotations

import json

from vis.style import DARK, GRID

_DRAWING = """
const dark = matchMedia('(prefers-color-scheme: dark)').matches;
const fine = matchMedia('(pointer: fine)').matches;
const palette = PALETTE;
const config = {displaylogo: false, responsive: true, displayModeBar: false};
const waiting = new Set(document.querySelectorAll('.plot:not([hidden])'));
document.body.dataset.figures = waiting.size;
let drawn = 0;
function draw(box) {
  if (box.started) return box.started;
  waiting.delete(box);
  let text = box.querySelector('script').textContent;
  if (dark) for (const [light, night] of palette) text = text.replaceAll(light, night);
  const figure = JSON.parse(text), pane = box.querySelector('div');
  // Only a mouse draws lassos: a finger on a figure scrolls the page.
  if (box.classList.contains('map') && fine && !figure.layout.scene) figure.layout.dragmode = 'lasso';
  box.started = Plotly.newPlot(pane, figure.data, figure.layout, config).then(() => follow(box, pane));
  return box.started;
}
function count() { document.body.dataset.drawn = ++drawn; }
const drawSeen = seen => seen.forEach(s => s.isIntersecting && waiting.has(s.target) && draw(s.target).then(count));
const near = new IntersectionObserver(drawSeen, {rootMargin: '400px'});
waiting.forEach(box => near.observe(box));
function rest() {
  const next = waiting.values().next().value;
  if (next) draw(next).then(count).then(() => setTimeout(rest, 20));
}
setTimeout(rest, 300);
"""

_CHOOSING = """
function follow(box, pane) {
  const explorer = box.closest('.explorer');
  if (!explorer) return;
  if (box.classList.contains('map')) {
    const choose = event => { if (event) { explorer.chosen = chosenBy(event.points); highlight(explorer); } };
    pane.on('plotly_selected', choose);
    pane.on('plotly_click', choose);
    pane.on('plotly_deselect', () => { explorer.chosen = null; highlight(explorer); });
    pane.on('plotly_doubleclick', () => { explorer.chosen = null; highlight(explorer); });
  }
  if (explorer.chosen) highlight(explorer);
}
// Map of task to the set of its chosen steps; null when nothing is.
function chosenBy(points) {
  const chosen = new Map();
  for (const point of points || []) {
    const task = point.data.text && point.data.text[point.pointNumber];
    if (!task) continue;
    if (!chosen.has(task)) chosen.set(task, new Set());
    chosen.get(task).add(point.data.customdata[point.pointNumber]);
  }
  return chosen.size ? chosen : null;
}
function highlight(explorer) {
  const chosen = explorer.chosen;
  explorer.dataset.chosen = chosen ? [...chosen.keys()].join('; ') : '';
  for (const box of explorer.querySelectorAll('.plot')) {
    const pane = box.querySelector('div');
    if (!pane.data) continue;
    if (box.classList.contains('linked')) highlightWays(pane, chosen); else highlightPoints(pane, chosen);
  }
}
function highlightPoints(pane, chosen) {
  const isIn = trace => trace.text.map((task, i) => chosen.has(task) && chosen.get(task).has(trace.customdata[i]));
  pane.data.forEach((trace, i) => {
    if (!trace.text) return;
    const inside = chosen && isIn(trace);
    if (trace.type === 'scatter3d') {
      trace.full = trace.full || trace.marker.color;
      const colour = inside ? trace.full.map((own, j) => inside[j] ? own : FAINT) : trace.full;
      Plotly.restyle(pane, {'marker.color': [colour]}, [i]);
    } else {
      const picked = inside ? inside.flatMap((yes, j) => yes ? [j] : []) : null;
      Plotly.restyle(pane, {selectedpoints: [picked]}, [i]);
    }
  });
  if (!chosen && !pane.layout.scene) Plotly.relayout(pane, {selections: []});
}
function highlightWays(pane, chosen) {
  const ways = pane.data.map((trace, i) => i).filter(i => pane.data[i].customdata);
  const steps = i => chosen && chosen.get(pane.data[i].name);
  Plotly.restyle(pane, {
    opacity: ways.map(i => !chosen || steps(i) ? 1 : 0.07),
    'line.width': ways.map(i => steps(i) ? 3 : 1.8),
    selectedpoints: ways.map(i => steps(i) ? [...steps(i)].map(step => step - 1) : null),
  }, ways);
}
document.querySelectorAll('.explorer').forEach(explorer => {
  const buttons = [...explorer.querySelectorAll('button')], maps = [...explorer.querySelectorAll('.map')];
  buttons.forEach((button, shown) => button.addEventListener('click', () => {
    buttons.forEach((other, i) => other.setAttribute('aria-pressed', i === shown));
    maps.forEach((map, i) => { map.hidden = i !== shown; });
    draw(maps[shown]).then(() => Plotly.Plots.resize(maps[shown].querySelector('div')));
  }));
});
"""


def script() -> str:
    """The script of a page, to stand after plotly.js and the figures."""
    faint = f"dark ? {json.dumps(DARK[GRID])} : {json.dumps(GRID)}"
    drawing = _DRAWING.replace("PALETTE", json.dumps(list(DARK.items())))
    return drawing + _CHOOSING.replace("FAINT", f"({faint})")
