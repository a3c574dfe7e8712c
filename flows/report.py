"""The page that a flow run ends with: what an artifact shows, and what the store alone knows of how it was made."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from prefect import get_run_logger

from flows.place import ROOT
from stages.runner import StoredRun
from stages.store import default_root


def page(run: StoredRun, whose: str) -> Path:
    """The page of a run of a stage that makes one, below ``reports/``; made once, as what it tells is past.

    Where it cannot be written, the artifact's own is the page; times and verdicts are missing there.

    Args:
        whose: with what its name begins: a body, by name or path, or what is compared.
    """
    path = default_root() / "reports" / f"{Path(whose).stem}-{run.run_id[:8]}.html"
    if path.exists():
        return path
    # In a child, as figures are another room's.
    words = [sys.executable, "-m", "vis.report", "--run", run.run_id, "--out", str(path)]
    environment = {**os.environ, "CARRYOVER_ROOT": str(default_root())}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return path
    get_run_logger().warning("reports/%s: not written: %s", path.name, done.stderr.strip()[-300:])
    return run.artifact.folder / "report.html"
