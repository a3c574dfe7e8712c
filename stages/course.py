"""How a node fares, as events to show: what its stage reports, and signs of life in between."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import Literal

from envs.errors import UserError
from stages.contract import Metrics
from stages.plan import Node
from stages.store.writer import Writer

#: Seconds between two signs of life of a stage that has nothing to say.
BEAT = 1.5
#: What a stage can have done at most before its result is stored.
_NOT_ALL = 0.99


@dataclass(frozen=True)
class Event:
    """Something to show.

    Attributes:
        fraction: of the node's work, in [0, 1].
        eta: seconds left, once known.
        seconds: since the stage was started; of a hit, how long it took then.
        metrics: the latest ones, or the result.
        note: why a stage is computed, what was put aside as damaged, or what it is registered as; of progress, in a
            word what it is at where that is not its work.
        page: of its run, relative to wherever MLflow is served; once there is one.
    """

    node: Node
    kind: Literal["hit", "miss", "waiting", "progress", "done"]
    fraction: float = 0.0
    eta: float | None = None
    seconds: float = 0.0
    metrics: Metrics = field(default_factory=dict)
    note: str = ""
    page: str = ""


Listener = Callable[[Event], object]


class Course:
    """How far a stage is, told whenever it reports and every few seconds besides.

    Its time left comes from the pace since the first report: a resumed stage does not begin at zero.
    """

    def __init__(self, node: Node, listener: Listener, first: str = "starting") -> None:
        self.node, self.listener, self._first = node, listener, first
        self.writer: Writer | None = None
        self._began = time.monotonic()
        self._reports: list[tuple[float, float]] = []
        self._metrics: Metrics = {}
        self._telling = Lock()

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._began

    def advance(self, fraction: float, metrics: Metrics) -> None:
        """Tell of a report, in MLflow too: fraction of the stage's work, and its latest metrics."""
        self._reports = [*self._reports[:1], (time.monotonic(), fraction)]
        self._metrics = metrics
        self._tell()
        if self.writer:
            with self.writer.store.explained():
                self.writer.progress(fraction, metrics)

    def beat(self) -> None:
        """Tell how it stands now, and send MLflow what waits."""
        self._tell()
        if self.writer:
            with suppress(UserError), self.writer.store.explained():  # the next report, or the end, says it
                self.writer.flush()

    def _tell(self) -> None:
        with self._telling:
            _, fraction = self._reports[-1] if self._reports else (0.0, 0.0)
            word = self._first if not self._reports else "finishing" if fraction >= 1 else ""
            told = (min(fraction, _NOT_ALL), self._eta(), self.seconds, self._metrics, word)
            self.listener(Event(self.node, "progress", *told, self.writer.page if self.writer else ""))

    def _eta(self) -> float | None:
        if len(self._reports) < 2:
            return None
        (began, start), (last, fraction) = self._reports
        if fraction <= start:
            return None
        return max(0.0, (last - began) * (1 - fraction) / (fraction - start) - (time.monotonic() - last))
