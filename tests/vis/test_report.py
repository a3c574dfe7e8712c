"""The report in a real browser: every figure drawn, nothing asked of the network, no word of complaint."""

from __future__ import annotations

import re
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
    assert int(counts[1]) >= 2 * (2 + 12 + 4 + 2)
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
