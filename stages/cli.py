"""The command of a stage: every field of its config is an option."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from envs.errors import UserError
from stages.contract import ROUTES
from stages.plan import DRY_RUN, Node, Settings, StageChoice, config_class, downstream, validated

if TYPE_CHECKING:
    from stages.runner import Event, Listener
    from stages.store import Store, StoredRun

_BOUNDS = {Ge: ("≥", "ge"), Gt: (">", "gt"), Le: ("≤", "le"), Lt: ("<", "lt")}
#: Settings that are no field of a stage's config and yet decide what it is made of; elsewhere the method alone.
_TOLD = {"toy_inference": ("body", "tasks"), "low_level": (), "plots": ("tasks", "method")}
_TERMINATED = 128 + signal.SIGTERM
_INTERRUPTED = 128 + signal.SIGINT
_UNREAD = 128 + 13  # SIGPIPE, which not every system has


def main(stage: str, argv: Sequence[str] | None = None) -> NoReturn:
    """Run a stage from the command line; ends the process, with code 2 and one line where the user can mend it."""
    answer(lambda: _run(stage, argv), "interrupted; the same command resumes from the last checkpoint")


def answer(command: Callable[[], int], interrupted: str) -> NoReturn:
    """End the process with a command's exit code; with 2 and one line where the user can mend what went wrong."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    try:
        code = command()
        sys.stdout.flush()
        sys.exit(code)
    except UserError as error:
        sys.exit(_fail(str(error), 2))
    except KeyboardInterrupt:
        sys.exit(_fail(interrupted, _INTERRUPTED))
    except BrokenPipeError:
        sys.exit(unread())


def unread() -> int:
    """Exit code where who read has seen enough; whatever is still to be said is not."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return _UNREAD


def _fail(words: str, code: int) -> int:
    print(words, file=sys.stderr)
    return code


def _run(stage: str, argv: Sequence[str] | None) -> int:
    arguments = vars(_parser(stage).parse_args(argv))
    choice = StageChoice(**{name: arguments.pop(name) for name in StageChoice.model_fields})
    dry_run = arguments.pop("dry_run")
    node, settings = _request(stage, arguments)
    wanted = [node, *(downstream(node, settings) if choice.downstream else [])]
    # The store's imports are not needed for --help or to refuse a mistake.
    from stages.child import StageFailedError
    from stages.forecast import forecast
    from stages.runner import bring_up
    from stages.store import Store

    store = Store()
    if dry_run:
        print(*forecast(wanted, settings, store, choice.force), sep="\n")
        return 0
    try:
        with _shown() as listener:
            runs = bring_up(wanted, settings, listener, store, choice.force)
    except StageFailedError as error:
        return _fail(str(error), 1)
    _show_metrics(runs[node])
    print(*(_summary(made, run, store) for made, run in runs.items()), sep="\n")
    return 0


def _request(stage: str, arguments: dict[str, Any]) -> tuple[Node, Settings]:
    """The node and the settings that the options ask for; options not given are left to the defaults."""
    given = {name: value for name, value in arguments.items() if value is not None}
    route = given.pop("route", "reuse") if stage == "evaluation" else None
    bodies = tuple(given.pop("bodies", ())) if stage == "comparison" else ()
    space = given.pop("space", None) if stage == "toy_inference" else None
    names = Settings.model_fields.keys() & given.keys()
    settings = {name: given.pop(name) for name in names}
    return Node(stage, route, bodies, space), validated(
        Settings, {**settings, "overrides": {stage: given} if given else {}}
    )


class Parser(argparse.ArgumentParser):
    """Options whose mistakes are a UserError."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; --help lists the options")


def _parser(stage: str) -> Parser:
    model = config_class(stage)
    parser = Parser(prog=f"python -m stages.{stage}", description=model.__doc__, allow_abbrev=False)
    for name, info in model.model_fields.items():
        if name not in ("route", "routes"):
            many = "+" if get_origin(info.annotation) in (tuple, list) else None
            parser.add_argument(f"--{name.replace('_', '-')}", metavar="VALUE", help=_help(info), nargs=many)
    for name in _TOLD.get(stage, ("method",)):
        parser.add_argument(f"--{name}", metavar="VALUE", help=_help(Settings.model_fields[name]))
    if "route" in model.model_fields:
        parser.add_argument("--route", choices=ROUTES, help="which route to evaluate (default: reuse)")
    if "routes" in model.model_fields:
        parser.add_argument("--route", choices=(*ROUTES, "both"), help="which routes to show (default: both)")
    parser.add_argument("--profile", choices=("full", "tiny"), help="tiny takes seconds (default: full)")
    for name, info in StageChoice.model_fields.items():
        parser.add_argument(f"--{name}", action="store_true", help=info.description)
    parser.add_argument("--dry-run", action="store_true", help=DRY_RUN)
    return parser


def _help(info: FieldInfo) -> str:
    bounds = [f"{_BOUNDS[type(m)][0]} {getattr(m, _BOUNDS[type(m)][1])}" for m in info.metadata if type(m) in _BOUNDS]
    return f"{info.description or ''} ({', '.join([*bounds, f'default: {info.default}'])})".strip().replace("%", "%%")


@contextmanager
def _shown() -> Iterator[Listener]:
    """A listener that keeps one live line per stage under way; lines alone where there is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn

    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[now]}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        tasks: dict[Node, TaskID] = {}

        def listen(event: Event) -> None:
            if event.kind != "progress":
                console.print(_line(event), markup=False, soft_wrap=True)
            elif console.is_terminal:
                if event.node not in tasks:
                    tasks[event.node] = progress.add_task(str(event.node), total=1.0, now="")
                progress.update(tasks[event.node], completed=event.fraction, now=_now(event))
            if event.kind in ("done", "hit") and event.node in tasks:
                progress.remove_task(tasks.pop(event.node))

        yield listen


def _line(event: Event) -> str:
    words = {"hit": "stored", "miss": "computing", "waiting": "waiting", "done": "done"}[event.kind]
    return f"{event.node}: {words}" + (f" ({event.note})" if event.note else "")


def _now(event: Event) -> str:
    left = "" if event.eta is None else f"{event.eta:.0f} s left"
    metrics = [f"{name} {value:.4g}" for name, value in list(event.metrics.items())[-2:]]
    return "  ".join(filter(None, [event.note, left, *metrics]))


def _show_metrics(run: StoredRun) -> None:
    width = max((len(name) for name in run.metrics), default=0)
    for name, value in run.metrics.items():
        print(f"  {name:<{width}}  {value:.4g}")


def _summary(node: Node, run: StoredRun, store: Store) -> str:
    how = "was stored" if run.hit else f"took {run.seconds:.1f} s"
    return f"{node} {how}: {run.artifact.folder.relative_to(store.root)}"
