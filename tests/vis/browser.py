"""A page in headless Chromium: its final DOM, what its console said, its picture."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from vis.raster import BROWSERS

BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--hide-scrollbars",
    "--enable-logging=stderr",
    "--virtual-time-budget=60000",
)


@dataclass(frozen=True)
class Page:
    """What was left after the page came to rest."""

    dom: str
    console: list[str]


def visit(path: Path, profile: Path) -> Page:
    """Open a file and wait until its scripts are done."""
    command = [str(BROWSER), *_FLAGS, f"--user-data-dir={profile}", "--window-size=1280,900", "--dump-dom"]
    done = subprocess.run([*command, path.resolve().as_uri()], capture_output=True, text=True, timeout=240, check=True)
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line and "GL Driver Message" not in line]
    return Page(done.stdout, console)
