"""A stage in a process of its own: two may run side by side, and torch's seed and thread count are global."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from envs.errors import UserError
from stages import closure
from stages.contract import Artifact, Metrics, StageConfig

#: Seconds a child has to end after it was asked to.
_PATIENCE = 5.0


class StageFailedError(RuntimeError):
    """A stage ended by a fault of its own; one line, with the log that holds the rest."""


class Child:
    """A running stage."""

    def __init__(self, process: subprocess.Popen[str], stage: str, log: Path) -> None:
        self.process, self.stage, self.log = process, stage, log
        self.metrics: Metrics | None = None

    def reports(self) -> Iterator[tuple[float, Metrics]]:
        """Fraction and latest metrics until the stage has ended; then ``metrics`` holds its result.

        Raises:
            UserError: what the stage told its user.
            StageFailedError: anything else that ended it.
        """
        assert self.process.stdout is not None
        for line in self.process.stdout:
            message = json.loads(line)
            if "error" in message:
                raise UserError(message["error"])
            if "result" in message:
                self.metrics = message["result"]
            else:
                yield message["fraction"], message["metrics"]
        if self.process.wait() or self.metrics is None:
            raise StageFailedError(f"{self.stage}: {self._last_words()}; all of it in {'/'.join(self.log.parts[-3:])}")

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").split("\n")
        words = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return words[:300] or f"ended with exit code {self.process.returncode}"


@contextmanager
def spawn(stage: str, config: StageConfig, inputs: Mapping[str, Artifact], out: Path, log: Path) -> Iterator[Child]:
    """Start a stage; it is ended on leaving, and ends by itself if this process dies."""
    job = {
        "stage": stage,
        "config": config.model_dump(mode="json"),
        "config_class": [type(config).__module__, type(config).__name__],
        "inputs": {
            name: {"stage": a.stage, "key": a.key, "digest": a.digest, "folder": str(a.folder)}
            for name, a in inputs.items()
        },
        "out": str(out),
    }
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as errors, _start(errors) as process:
        try:
            assert process.stdin is not None
            # Stays open: its end tells the child that this process has died.
            process.stdin.write(json.dumps(job) + "\n")
            process.stdin.flush()
            yield Child(process, stage, log)
        finally:
            _end(process)


def check_body(name: str, asked: str) -> None:
    """Load a body elsewhere.

    Raises:
        UserError: what is wrong with its file.
    """
    command = [sys.executable, "-P", "-m", "stages.body_check", name, asked]
    said = subprocess.run(command, capture_output=True, text=True, env=_environment(), check=False)
    if said.returncode:
        raise UserError(said.stderr.strip().split("\n")[-1] or f"{name}: the model cannot be loaded")


def _environment() -> dict[str, str]:
    paths = filter(None, [str(closure.PROJECT), os.environ.get("PYTHONPATH")])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}


def _start(errors: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "stages.execute"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        env=_environment(),
        # A Ctrl-C in the terminal reaches the parent alone, which then ends the child.
        start_new_session=True,
    )


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
