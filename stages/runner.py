"""Materialising a node of the DAG: use what is stored, compute what is not, once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from filelock import Timeout

from envs.body_files import body_names
from stages import child
from stages.changes import why
from stages.configs.methods import DEFAULT_METHOD
from stages.contract import StageConfig
from stages.course import BEAT, Course, Event, Listener
from stages.heartbeat import heartbeat
from stages.keys import Components, components, key
from stages.plan import Node, Settings, bodies_of, configure, labels, nodes, parents
from stages.store import Store, artifacts, run_inputs
from stages.store.registry import model_name, register
from stages.store.writer import StoredRun

#: Seconds between two looks at a lock that another process holds.
_POLL = 0.2
_ELSEWHERE = "another process computes it"


def materialise(
    node: Node, settings: Settings, listener: Listener, store: Store | None = None, force: bool = False
) -> StoredRun:
    """The stored run of a node, computed if need be, its missing parents before it; as ``bring_up``."""
    return bring_up([node], settings, listener, store, force)[node]


def bring_up(
    wanted: Sequence[Node], settings: Settings, listener: Listener, store: Store | None = None, force: bool = False
) -> dict[Node, StoredRun]:
    """The stored runs of nodes, computed if need be, their missing parents before them.

    Args:
        force: compute the first node (not its parents) even if it is stored; the others follow by its digest.

    Raises:
        UserError: a mistake in the settings, found before anything runs, or a store that cannot be used.
        StageFailedError: a stage ended by a fault of its own.
    """
    check(wanted, settings)
    work = _Materialiser(settings, listener, store or Store())
    return {node: work.resolve(node, force and node == wanted[0]) for node in wanted}


def gather(
    node: Node,
    config: StageConfig,
    inputs: Mapping[str, StoredRun],
    about: Mapping[str, str],
    listener: Listener,
    store: Store | None = None,
) -> StoredRun:
    """The stored run of a stage over runs that are there, computed if need be: of one that is in no transfer's graph.

    Args:
        about: tags of its run; ``profile`` among them.

    Raises:
        UserError: a store that cannot be used.
        StageFailedError: the stage ended by a fault of its own.
    """
    return _Computation(node, config, inputs, about, listener, store or Store()).stored(force=False)


def check(wanted: Iterable[Node], settings: Settings) -> None:
    """Configure nodes and all that they depend on, and load bodies that are not the project's own.

    Raises:
        UserError: what is wrong with the settings, or with a body's file.
    """
    needed = dict.fromkeys(each for node in wanted for each in reversed(nodes(settings, node)))
    for node in needed:
        configure(node, settings)
    bodies = {body for node in needed for body in bodies_of(node, settings)}
    for body in sorted(bodies.difference(body_names())):
        child.check_body(body, settings.tasks)


@dataclass
class _Materialiser:
    settings: Settings
    listener: Listener
    store: Store
    finished: dict[Node, StoredRun] = field(default_factory=dict)

    def resolve(self, node: Node, force: bool = False) -> StoredRun:
        if node not in self.finished:
            inputs = {name: self.resolve(parent) for name, parent in parents(node, self.settings).items()}
            made = _Computation(
                node, configure(node, self.settings), inputs, self._about(node), self.listener, self.store
            )
            self.finished[node] = made.stored(force)
        return self.finished[node]

    def _about(self, node: Node) -> dict[str, str]:
        tags = {"profile": self.settings.profile}
        if bodies := bodies_of(node, self.settings):
            tags["body"] = ", ".join(labels(bodies))
        if node.stage != "low_level" and self.settings.method != DEFAULT_METHOD:
            tags["method"] = self.settings.method
        return tags | ({"route": node.route} if node.route else {})


@dataclass
class _Computation:
    """One node with its inputs at hand."""

    node: Node
    config: StageConfig
    inputs: Mapping[str, StoredRun]
    about: Mapping[str, str]
    listener: Listener
    store: Store
    notes: list[str] = field(default_factory=list)

    @cached_property
    def parts(self) -> Components:
        return components(
            self.node.stage, self.config, {name: run.artifact.digest for name, run in self.inputs.items()}
        )

    @cached_property
    def key(self) -> str:
        return key(self.parts)

    def stored(self, force: bool) -> StoredRun:
        if not force and (run := self._hit()):
            return run
        with self._locked():
            if not force and (run := self._hit()):
                return run
            return self._compute(force)

    def _hit(self) -> StoredRun | None:
        run = self.store.find(self.key, self.notes.append)
        if run:
            self._finish("hit", run, run.seconds, *self.notes)
        return run

    def _locked(self) -> ExitStack:
        lock = self.store.lock(self.key)
        with self.store.explained():
            try:
                return lock.acquire(timeout=0)
            except Timeout:
                self.listener(Event(self.node, "waiting", note=_ELSEWHERE))
                with heartbeat(Course(self.node, self.listener, _ELSEWHERE).beat, BEAT):
                    return lock.acquire(poll_interval=_POLL)

    def _compute(self, force: bool) -> StoredRun:
        reason = "forced" if force else "; ".join(self.notes) or why(self.store, self.parts)
        self.listener(Event(self.node, "miss", note=reason))
        out = self.store.work(self.key)
        with self.store.explained():
            artifacts.clear(out, everything=force)
        log = self.store.state / "logs" / f"{self.key}.log"
        artifacts_in = {name: run.artifact for name, run in self.inputs.items()}
        course = Course(self.node, self.listener)
        with (
            heartbeat(course.beat, BEAT),
            child.spawn(self.node.stage, self.config, artifacts_in, out, log) as process,
            self.store.begin(self.key, self.parts, self._tags()) as writer,
        ):
            course.writer = writer
            run_inputs.log_inputs(self.store, writer.run_id, self.inputs)
            for fraction, metrics in process.reports():
                course.advance(fraction, metrics)
            assert process.metrics is not None
            run = writer.publish(out, self.key, process.metrics)
        self._finish("done", run, course.seconds)
        return run

    def _finish(self, kind: Literal["hit", "done"], run: StoredRun, seconds: float, *notes: str) -> None:
        """Register what is stored now, which is worth a try again after one that failed, and tell of it."""
        name = model_name(self.node.stage, self.config, self.about.get("method"))
        model = name if self.about["profile"] == "full" else None
        words = register(self.store, model, run) if model else ""
        said = "; ".join(filter(None, [*notes, words]))
        self.listener(Event(self.node, kind, 1.0, seconds=seconds, metrics=run.metrics, note=said, page=run.page))

    def _tags(self) -> dict[str, str]:
        return {"seed": str(self.config.seed), **self.about, **run_inputs.tags(self.inputs)}
