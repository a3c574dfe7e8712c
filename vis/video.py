"""A film of an agent beside its controls, while what is asked for changes unannounced.

Run ``python -m vis.video --help`` for the command.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from envs.body_files import AskedFor, body_path, read_toml, space_name
from envs.errors import UserError
from envs.palette import CONTROL_TITLES
from envs.tasks import KINDS, SPACES, Space, Tasks
from stages.cli import Parser
from stages.contract import ROUTES, Artifact, Route
from stages.plan import labels
from stages.store import Store
from stages.store.database import Record
from stages.store.lineage import Lineage
from vis.command import AGENT, answer, save_aside, targets, warn

if TYPE_CHECKING:
    from envs.body import Body
    from stages.takes import Take

_ABOUT = "Films an agent beside its controls, while what is asked for changes unannounced."
_FORMATS = (".mp4", ".gif")
_SECONDS = 6.0
#: Longer films are a slip of the keyboard.
_LEAST_SECONDS, _MOST_SECONDS = 0.1, 600.0


#: What an agent and its controls, by name, do with a script, or one that tells tasks apart; with s for each task.
Shoot = Callable[[Sequence[str], Tasks | None, float], tuple["Body", list["Take"]]]


@dataclass(frozen=True)
class Agent:
    """What an evaluation was made of.

    Attributes:
        body: by name or path.
        asked: for which kinds of tasks.
        inputs: artifacts of its stages by input name.
    """

    body: str
    asked: AskedFor
    route: Route
    inputs: Mapping[str, Artifact]

    @staticmethod
    def find(store: Store, run: str | None, body: str | None, route: Route | None) -> Agent:
        """The agent of the evaluation that ``run`` names, else of the newest one of a body and a route.

        Of one by the default method, if there is any.

        Raises:
            UserError: there is none, it is not one of that body, or a part of it is no longer stored.
        """
        record = _named(store, run) if run else _newest(store, body or "cheetah", route)
        config, named = record.parts["config"], record.tags["body"]
        if body and labels([body]) != (named,):
            raise UserError(f"--body: run {record.run_id[:8]} is one of {named}; leave --body or --run out")
        parents = Lineage(store.database.every()).parents(record)
        inputs: dict[str, Artifact] = {}
        for name, parent in parents.items():
            if parent is None or (stored := store.read(parent, say=warn)) is None:
                raise UserError(f"--run: {name} of run {record.run_id[:8]} is no longer stored; evaluate again")
            inputs[name] = stored.artifact
        return Agent(body or named, config["tasks"], config["route"], inputs)

    @property
    def space(self) -> Space:
        """Of its toy."""
        return SPACES[space_name(read_toml(body_path(self.body)), self.asked)]

    def shoot(self, controls: Sequence[str], asked: Tasks | None, seconds: float) -> tuple[Body, list[Take]]:
        """Act out."""
        # Torch, MuJoCo and OpenGL are not needed to refuse a mistake.
        from envs.body import load_body
        from stages.video import shot

        body = load_body(self.body, self.asked)
        return body, shot(body, self.route, self.inputs, controls, asked, seconds)


def _named(store: Store, run: str) -> Record:
    found = store.find(run, say=warn) or store.run(run)
    record = store.database.find(found.run_id)
    if record is None or found.artifact.stage != "evaluation":
        raise UserError(f"--run: {run} is a run of {found.artifact.stage}; name one of evaluation")
    return record


def _newest(store: Store, body: str, route: Route | None) -> Record:
    [label] = labels([body])
    with store.explained():
        stored = store.database.runs("FINISHED", "stage", "evaluation")
    routes = (route,) if route else ROUTES
    fit = [r for r in stored if r.is_sound and r.tags.get("body") == label and r.tags.get("route") in routes]
    if not fit:
        command = f"python -m stages.evaluation --body {body}" + (f" --route {route}" if route else "")
        raise UserError(f"--body: no evaluation of {label} is stored yet; `{command}` makes one, --agent needs none")
    return next((record for record in fit if record.is_of_default_method), fit[0])


def script(text: str, space: Space) -> Tasks:
    """Tasks out of ``goal:5,velocity:-2``.

    Raises:
        UserError: a kind that the body is not asked for, or a specification that is none.
    """
    rows = [_task(word.strip(), space) for word in text.split(",")]
    kinds, specifications = zip(*rows, strict=True)
    return Tasks(np.array(kinds), np.array(specifications), space)


def _task(word: str, space: Space) -> tuple[int, float]:
    kind, _, number = word.partition(":")
    if kind not in space.kinds:
        raise UserError(f"--tasks: {word!r}: kinds are {', '.join(space.kinds)}; write goal:5,velocity:-2")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    unsigned = space.unsigned[space.kinds.index(kind)]
    if not math.isfinite(value) or value == 0 or (unsigned and value < 0):
        wanted = "a number above 0" if unsigned else "a number other than 0"
        raise UserError(f"--tasks: {word!r}: {number or 'nothing'} is not {wanted}")
    return KINDS.index(kind), value


def _parser() -> Parser:
    parser = Parser(
        prog="python -m vis.video",
        description=_ABOUT,
        allow_abbrev=False,
    )
    which = "evaluation whose agent acts: MLflow run id, its beginning, a key, or a registered model as name@alias"
    add = parser.add_argument
    source = parser.add_mutually_exclusive_group()
    add("--body", metavar="NAME", help="body by name, or path of its TOML (default: that of --run, or cheetah)")
    add("--tasks", metavar="KIND:VALUE,...", help="what is asked for, in turn (default: one of each base task)")
    add("--seconds", type=float, default=_SECONDS, help=f"simulated time for each task (default: {_SECONDS:g})")
    add("--controls", metavar="NAME,...", default="agent,oracle,no_inference", help="who acts (default: %(default)s)")
    add("--route", choices=ROUTES, help="whose evaluation, without --run (default: the newest of either)")
    source.add_argument("--run", metavar="ID", help=f"{which} (default: the newest run of the body)")
    source.add_argument("--agent", metavar="FILE", help=f"{AGENT}; needs no store")
    add("--out", metavar="PATH", help="a file, .mp4 or .gif, or a folder (default: video.mp4)")
    return parser


def _controls(text: str) -> list[str]:
    names = [name.strip().replace("-", "_") for name in text.split(",")]
    if wrong := [name for name in names if name not in CONTROL_TITLES]:
        raise UserError(f"--controls: no {wrong[0]!r}; choose of {', '.join(CONTROL_TITLES)}")
    return names


def _write(options: argparse.Namespace) -> None:
    controls = _controls(options.controls)
    path = targets(options.out, "video", _FORMATS)[0]
    if not _LEAST_SECONDS <= options.seconds <= _MOST_SECONDS:
        raise UserError(f"--seconds: {options.seconds:g} is not between {_LEAST_SECONDS:g} and {_MOST_SECONDS:g}")
    space, shoot = _chosen(options)
    asked = script(options.tasks, space) if options.tasks else None
    from stages.video import film

    body, takes = shoot(controls, asked, options.seconds)
    with _shown() as report:
        save_aside(path, lambda part: film(body, takes, part, report))


def _chosen(options: argparse.Namespace) -> tuple[Space, Shoot]:
    """The agent that is to be filmed: the space of its toy, and what it does."""
    if not options.agent:
        stored = Agent.find(Store(), options.run, options.body, options.route)
        return stored.space, stored.shoot
    if options.body or options.route:
        raise UserError("--agent: has a body and a route of its own; leave out --body and --route")
    from stages import packed

    agent = packed.load(options.agent)
    return agent.body.space, lambda *asked: (agent.body, packed.shot(agent, *asked))


@contextmanager
def _shown() -> Iterator[Callable[[float], object]]:
    """A bar on the terminal, if there is one."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("filming", total=1.0)
        yield lambda fraction: progress.update(task, completed=fraction)


if __name__ == "__main__":
    answer(_parser(), _write)
