"""The report as a reader opens it: how large it is, how soon it can be used, what it says and asks for."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from stages.configs.plots import PlotsConfig
from stages.plots import run
from tests.benchmarks.table import Recorder
from tests.benchmarks.webdriver import DRIVER, tab
from tests.vis.synthetic import artifacts

#: Megabytes of the longest films: nine base tasks of five seconds, on both routes, as base64.
_FILMS = 2 * 9 * 5 * 0.055 * 4 / 3
#: Says when the first figure was there and a press of a button was answered, and the longest silence after that.
_WATCH = """
<script>
const heard = {last: performance.now(), silence: 0};
setInterval(() => {
  const now = performance.now();
  heard.silence = Math.max(heard.silence, now - heard.last);
  heard.last = now;
}, 5);
const watch = setInterval(() => {
  if (!(document.body.dataset.drawn > 0)) return;
  clearInterval(watch);
  document.querySelector('.explorer button:nth-child(3)').click();
  setTimeout(() => { heard.usable = heard.last = performance.now(); heard.silence = 0; }, 0);
}, 5);
</script>
"""


@pytest.mark.skipif(DRIVER is None, reason="no chromedriver on this machine")
def test_the_report_opens(tmp_path: Path, record: Recorder) -> None:
    (tmp_path / "out").mkdir()
    run(PlotsConfig(), artifacts(tmp_path / "inputs"), tmp_path / "out", lambda fraction, **_: None)
    text = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    page = tmp_path / "page.html"
    page.write_text(_WATCH.join(text.rsplit("</body>", 1)), encoding="utf-8")
    with tab() as reader:
        reader.open(page)
        while reader.run("return document.body.dataset.drawn !== document.body.dataset.figures"):
            time.sleep(0.5)
        usable, silence = reader.run("return [heard.usable / 1000, heard.silence / 1000]")
        said = [line for line in reader.console() if "Canvas2D" not in line and "GL Driver Message" not in line]
    record.at_most("report.html with the longest films", 15.0, len(text) / 1e6 + _FILMS, "MB")
    record.at_most("until a press of a button is answered", 3.0, usable, "s")
    record.at_most("longest silence while the rest is drawn", 0.5, silence, "s")
    record.at_most("words on the console, refused requests among them", 0, len(said), note="; ".join(said)[:200])
