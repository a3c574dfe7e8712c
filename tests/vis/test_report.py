"""The report in a real browser: every figure drawn, nothing asked of the network, no word of complaint."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

import pytest

from stages.configs.plots import PlotsConfig
from stages.plots import run
from tests.vis.browser import BROWSER, visit
from tests.vis.synthetic import artifacts

needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome on this machine")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of both routes."""
    root = tmp_path_factory.mktemp("report")
    out = root / "out"
    out.mkdir()
    run(PlotsConfig.model_validate({"points": 80}), artifacts(root / "inputs"), out, lambda fraction, **metrics: None)
    return out / "report.html"


@needs_browser
def test_a_browser_draws_every_figure_and_stays_silent(report: Path, tmp_path: Path) -> None:
    page = visit(report, tmp_path)
    assert not [line for line in page.console if "Canvas2D" not in line]
    counts = re.search(r'<body data-figures="(\d+)" data-drawn="(\d+)"', page.dom)
    assert counts and counts[1] == counts[2]
    assert int(counts[1]) >= 2 * (2 + 12 + 8 + 4)
    assert page.dom.count('class="main-svg"') >= int(counts[1])


@needs_browser
def test_a_phone_needs_no_sideways_scrolling(report: Path, tmp_path: Path) -> None:
    """A frame stands for the phone: a window of headless Chromium is never narrower than 500 px."""
    measure = "<script>setTimeout(() => parent.postMessage(document.documentElement.scrollWidth, '*'), 8000)</script>"
    (tmp_path / "inner.html").write_text(report.read_text().replace("</main>", f"</main>{measure}", 1))
    script = "onmessage = message => document.body.dataset.width = message.data"
    frame = '<iframe src="inner.html" width="390" height="844" style="border: 0"></iframe>'
    (tmp_path / "phone.html").write_text(f"<body><script>{script}</script>{frame}</body>")
    assert 'data-width="390"' in visit(tmp_path / "phone.html", tmp_path / "profile").dom


#: Chooses a point of a body's map as a lasso would, looks at the other maps and at the trajectories, and lets go.
_CHOOSES = """
<script>
setTimeout(async () => {
  const explorer = document.querySelector('.explorer'), say = {};
  const wait = () => new Promise(resolve => setTimeout(resolve, 900));
  const maps = [...explorer.querySelectorAll('.map')], pane = map => map.querySelector('div');
  const linked = explorer.querySelector('.linked div');
  for (const button of explorer.querySelectorAll('button')) { button.click(); await wait(); }
  say.shown = maps.map(map => !map.hidden).join(' ');
  const first = pane(maps[0]).data[0], task = first.text[3];
  pane(maps[0]).emit('plotly_selected', {points: [{data: first, pointNumber: 3}]});
  await wait();
  say.chosen = explorer.dataset.chosen === task;
  const ways = linked.data.filter(way => way.customdata);
  say.ways = ways.every(way => (way.opacity === 1) === (way.name === task));
  say.plane = pane(maps[2]).data.flatMap(t => t.selectedpoints || []).length;
  say.space = new Set(pane(maps[1]).data[0].marker.color).size <= 2;
  pane(maps[0]).emit('plotly_deselect');
  await wait();
  say.free = linked.data.filter(way => way.customdata).every(way => way.opacity === 1);
  document.body.dataset.said = JSON.stringify(say);
}, 6000);
</script>
"""


@needs_browser
def test_points_chosen_in_one_map_stand_out_in_all_and_in_the_trajectories(report: Path, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(_CHOOSES.join(report.read_text().rsplit("</body>", 1)))
    page = visit(tmp_path / "page.html", tmp_path / "profile")
    said = re.search(r'data-said="([^"]*)"', page.dom)
    assert said, page.console
    assert json.loads(unescape(said[1])) == {
        "shown": "false false false true",
        "chosen": True,
        "ways": True,
        "plane": 1,
        "space": True,
        "free": True,
    }


@needs_browser
def test_a_request_would_be_seen(report: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.html"
    broken.write_text(report.read_text().replace("</main>", '<img src="http://localhost:9/a.png"></main>', 1))
    console = visit(broken, tmp_path / "profile").console
    assert any("Content Security Policy" in line for line in console)


def test_the_report_is_one_light_file(report: Path) -> None:
    text = report.read_text()
    assert report.stat().st_size < 15e6
    assert text.count("plotly.js v") <= 2
    assert not re.search(r'<(?:script|link|img|video)[^>]+(?:src|href)="(?!data:)', text)
    assert "default-src 'none'" in text


def test_the_report_shows_lineage_published_figures_and_why_there_is_no_video(report: Path) -> None:
    text = report.read_text()
    for words in ("evaluation_reuse", "evaluation_retrain", "published, best model", "no OpenGL on this machine"):
        assert words in text
