"""A stage as a Prefect task: it materialises one node and tells how it goes."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from prefect import Task, get_run_logger, task
from prefect.artifacts import create_link_artifact, create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Failed
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from envs.errors import UserError
from flows.place import mlflow_address
from flows.progress import clock, left, line_of, progress_path, said, write_line
from stages.child import StageFailedError
from stages.contract import Route, StageConfig
from stages.course import Event
from stages.plan import Node, Settings
from stages.runner import StoredRun, gather, materialise

#: What a key of Prefect's artifacts may not hold.
_NO_KEY = re.compile("[^a-z0-9]+")
_CURVES = "the run with its curves, live; `mlflow ui` serves it"
#: Stages that do not need each other run side by side, two at a time.
SIDE_BY_SIDE: TaskRunner[Any] = ThreadPoolTaskRunner(max_workers=2)


def stage_task(stage: str) -> Task[..., Any]:
    """The task of a stage. It gives the stored run, or fails with the one line that a user can act on."""

    def run_stage(
        settings: Settings,
        route: Route | None = None,
        bodies: tuple[str, ...] = (),
        space: str | None = None,
        force: bool = False,
        ending: str = "",
    ) -> StoredRun | State[Any]:
        node = Node(stage, route, bodies, space)
        return _told(node, lambda listener: materialise(node, settings, listener, force=force), ending)

    # Prefect's own result cache stays off: the store is the only one.
    return task(name=stage, cache_policy=NO_CACHE, persist_result=False)(run_stage)


def gathering_task(stage: str) -> Task[..., Any]:
    """The task of a stage over runs that are there; as ``stage_task``."""

    def run_stage(
        config: StageConfig, inputs: Mapping[str, StoredRun], about: Mapping[str, str]
    ) -> StoredRun | State[Any]:
        return _told(Node(stage), lambda listener: gather(Node(stage), config, inputs, about, listener))

    return task(name=stage, cache_policy=NO_CACHE, persist_result=False)(run_stage)


def _told(node: Node, compute: Callable[[Listener], StoredRun], ending: str = "") -> StoredRun | State[Any]:
    try:
        listener = Listener(node, get_run_logger(), progress_path(str(flow_run.id)), ending)
        listener.look()
        return compute(listener)
    except (UserError, StageFailedError) as error:
        return Failed(message=str(error))


class Listener:
    """Passes a stage's events on: to the progress file, to the flow run's log, to a bar and a link in Prefect's page.

    The bar is updated at most once a second and appears only when there is something to compute; the link leads to the
    MLflow run, whose curves grow meanwhile.

    Args:
        node: whose task it is.
        ending: of the names of the nodes, where a flow run has several of one name.
    """

    def __init__(
        self, node: Node, logger: logging.Logger | logging.LoggerAdapter[Any], path: Path, ending: str = ""
    ) -> None:
        self._node = node
        self._logger = logger
        self._path = path
        self._ending = ending
        self._bars: dict[Node, UUID] = {}
        self._linked: set[Node] = set()
        self._last = 0.0

    def look(self) -> None:
        """Say that the stage is at hand, before anything is known of it."""
        self._write(Event(self._node, "miss"), "look")

    def __call__(self, event: Event) -> None:
        if event.kind == "hit" and event.node != self._node:
            self._write(event, "input")  # which its own task, if there is one, has told of
            return
        self._write(event, event.kind)
        _TELL[event.kind](self, self._name(event), event)

    def _name(self, event: Event) -> str:
        return f"{event.node}{self._ending}"

    def _write(self, event: Event, kind: str) -> None:
        write_line(self._path, line_of(event, self._name(event), kind))

    def _say(self, name: str, event: Event) -> None:
        self._logger.info("%s: %s%s", name, event.kind, f", {event.note}" if event.note else "")

    def _advance(self, name: str, event: Event) -> None:
        key = _NO_KEY.sub("-", name.lower())
        if event.page and event.node not in self._linked:
            self._linked.add(event.node)
            create_link_artifact(mlflow_address(event.page), f"{name} in MLflow", f"{key}-mlflow", _CURVES)
        line = line_of(event, name, event.kind)
        words = ", ".join(filter(None, [clock(event.seconds), left(line), said(line)]))
        now = time.monotonic()
        if event.node not in self._bars:
            self._bars[event.node] = self._create(key, event, words)
        elif now - self._last >= 1.0:
            update_progress_artifact(self._bars[event.node], progress=100.0 * event.fraction, description=words)
        else:
            return
        self._last = now

    @staticmethod
    def _create(key: str, event: Event, words: str) -> UUID:
        artifact = create_progress_artifact(100.0 * event.fraction, key=key, description=words)
        if not isinstance(artifact, UUID):
            raise TypeError("a progress artifact made in a synchronous task has an id at once")
        return artifact

    def _finish(self, name: str, event: Event) -> None:
        if event.node in self._bars:
            words = f"done in {clock(event.seconds)}"
            update_progress_artifact(self._bars[event.node], progress=100.0, description=words)
        self._say(name, event)


_TELL: dict[str, Callable[[Listener, str, Event], None]] = {
    "hit": Listener._say,
    "miss": Listener._say,
    "waiting": Listener._say,
    "progress": Listener._advance,
    "done": Listener._finish,
}
