"""What the child process runs: one stage, told by a line on stdin, reporting lines of JSON on stdout."""

from __future__ import annotations

import ctypes
import errno
import gc
import json
import os
import signal
import sys
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO

from envs.errors import UserError
from stages.contract import Artifact, Metrics, StageConfig

_DIE_WITH_PARENT = 1
#: New objects before Python looks for garbage: to look after 700 takes half as long again as to import torch.
_MANY = 50_000
#: Seconds between two reports.
_INTERVAL = 0.2


class Reporter:
    """``Progress`` over a pipe, thinned."""

    def __init__(self, pipe: TextIO) -> None:
        self.pipe = pipe
        self._last = 0.0

    def __call__(self, fraction: float, **metrics: float) -> None:
        if time.monotonic() - self._last > _INTERVAL or fraction >= 1:
            self._last = time.monotonic()
            self.send({"fraction": float(fraction), "metrics": _floats(metrics)})

    def send(self, message: dict[str, Any]) -> None:
        """One line to the parent."""
        self.pipe.write(json.dumps(message) + "\n")
        self.pipe.flush()


def main() -> int:
    """Run the stage that stdin names; a mistake of the user's goes back as such."""
    gc.set_threshold(_MANY)
    job = json.loads(sys.stdin.readline())
    _watch_parent()
    reporter = Reporter(_private_stdout())
    try:
        reporter.send({"result": _run(job, reporter)})
    except UserError as error:
        reporter.send({"error": str(error)})
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        reporter.send({"error": f"disk full while {job['stage']} wrote; free some space and run again"})
    return 0


def _run(job: dict[str, Any], reporter: Reporter) -> Metrics:
    stage = import_module(f"stages.{job['stage']}")
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    module, name = job["config_class"]
    config: StageConfig = getattr(import_module(module), name).model_validate(job["config"])
    inputs = {name: Artifact(**{**given, "folder": Path(given["folder"])}) for name, given in job["inputs"].items()}
    return _floats(stage.run(config, inputs, Path(job["out"]), reporter))


def _floats(metrics: Metrics) -> Metrics:
    return {name: float(value) for name, value in metrics.items()}


def _private_stdout() -> TextIO:
    """The pipe to the parent; whatever else prints goes to the log."""
    pipe = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return pipe


def _watch_parent() -> None:
    """End with the parent: at once on Linux, by the end of stdin elsewhere."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    threading.Thread(target=_exit_at_end_of_input, daemon=True).start()


def _exit_at_end_of_input() -> None:
    # Below Python's own buffers, whose lock would be held when the interpreter ends.
    while os.read(0, 1):
        pass
    os._exit(1)


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # to take all that was imported apart takes as long as a short stage
