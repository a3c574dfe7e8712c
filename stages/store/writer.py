"""A run under way, and what it becomes: a finished one."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import TYPE_CHECKING, Any

from stages.contract import Artifact, Metrics, write_json
from stages.keys import Components
from stages.store import artifacts

if TYPE_CHECKING:
    from stages.store.runs import Store

METRICS = "metrics.json"
#: MLflow's limit on the metrics of one request.
_BATCH = 1000


@dataclass(frozen=True)
class StoredRun:
    """A finished stage.

    Attributes:
        seconds: how long it took to compute.
        hit: whether it was there already.
    """

    run_id: str
    artifact: Artifact
    metrics: Metrics
    seconds: float
    hit: bool

    @property
    def page(self) -> str:
        """Its page, relative to wherever MLflow is served."""
        return page(self.artifact.folder.parent.parent.name, self.run_id)


def page(experiment: str, run_id: str) -> str:
    """A run's page, relative to wherever MLflow is served."""
    return f"#/experiments/{experiment}/runs/{run_id}"


class Writer:
    """A run under way."""

    def __init__(self, store: Store, run_id: str, parts: Components) -> None:
        self.store, self.run_id, self.parts = store, run_id, parts
        self._began = time.monotonic()
        self._waiting: list[tuple[str, float, int, int]] = []
        self._logged: dict[str, tuple[float, int]] = {}
        self._furthest = 0
        self._flushed = 0.0
        self._sending = Lock()

    @property
    def page(self) -> str:
        """Its page, relative to wherever MLflow is served."""
        return page(self.store.experiment, self.run_id)

    def parameters(self, config: Mapping[str, Any]) -> None:
        """Show the config in MLflow."""
        from mlflow.entities import Param

        self.store.client.log_batch(self.run_id, params=[Param(k, str(v)[:5000]) for k, v in config.items()])

    def declare(self) -> None:
        """Bring what decides the result to where artifacts lie: that it cannot be written is better known early."""
        if self.store.elsewhere:
            with TemporaryDirectory(prefix="run-") as name:
                path = Path(name) / artifacts.COMPONENTS
                write_json(path, self.parts)
                self.store.elsewhere.upload(self.run_id, {path.name: path})

    def progress(self, fraction: float, metrics: Mapping[str, float]) -> None:
        """Log live, about once a second, a point of a curve once however often it is told.

        The step is the metric of that name, or thousandths of the work, and never before one that was logged.
        """
        now = int(time.time() * 1000)
        step = self._furthest = max(int(metrics.get("step", fraction * 1000)), self._furthest)
        rows = {**metrics, "progress": fraction}
        with self._sending:
            fresh = {name: value for name, value in rows.items() if self._logged.get(name) != (value, step)}
            self._logged |= {name: (value, step) for name, value in fresh.items()}
            self._waiting += [(name, value, now, step) for name, value in fresh.items() if name != "step"]
        if time.monotonic() - self._flushed > 1.0:
            self.flush()

    def flush(self) -> None:
        """Send what waits."""
        from mlflow.entities import Metric

        with self._sending:
            self._flushed = time.monotonic()
            while batch := self._waiting[:_BATCH]:
                self.store.client.log_batch(self.run_id, metrics=[Metric(*row) for row in batch])
                del self._waiting[:_BATCH]

    def publish(self, work: Path, key: str, metrics: Metrics) -> StoredRun:
        """Make the working folder the run's artifact; the status that makes it count comes last."""
        seconds = time.monotonic() - self._began
        with self.store.explained():
            write_json(work / METRICS, {name: v if math.isfinite(v) else None for name, v in metrics.items()})
            return self._publish(work, key, metrics, seconds)

    def adopt(self, work: Path, key: str, seconds: float) -> StoredRun:
        """Publish what was computed elsewhere, in so many seconds, with its metrics among its files."""
        with self.store.explained():
            return self._publish(work, key, read_metrics(work), seconds)

    def _publish(self, work: Path, key: str, metrics: Metrics, seconds: float) -> StoredRun:
        client, folder = self.store.client, self.store.folder(self.run_id, self.store.experiment)
        digest = artifacts.seal(work, self.parts)
        if self.store.elsewhere:  # with the checkpoints still at hand, if it cannot be reached
            self.store.elsewhere.upload(self.run_id, artifacts.all_files(work))
        self.store.locks.confirm(key)
        artifacts.publish(work, folder)
        # Behind all steps: what has the last one is the value that MLflow shows.
        self.progress(1.0, {**metrics, "seconds": seconds, "step": self._furthest + 1})
        self.flush()
        client.set_tag(self.run_id, "seconds", f"{seconds:.3f}")
        client.set_tag(self.run_id, "digest", digest)
        client.set_terminated(self.run_id, "FINISHED")
        artifact = Artifact(self.parts["stage"], key, digest, folder)
        return StoredRun(self.run_id, artifact, metrics, seconds, hit=False)


def read_metrics(folder: Path) -> Metrics:
    """What a finished stage returned; what was not finite is NaN."""
    recorded = json.loads((folder / METRICS).read_text())
    return {name: math.nan if value is None else value for name, value in recorded.items()}
