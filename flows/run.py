"""``make run``: start what is needed, trigger ``transfer/<body>``, show how it goes, show the result, tidy up.

``make compare`` does the same with ``compare-bodies/all``, ``make sweep`` with ``sweep/all``: ``python -m flows.run
compare-bodies``, ``python -m flows.run sweep``.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from pydantic import BaseModel
from rich.console import Console

from envs.body_files import body_names
from envs.errors import UserError
from flows.parameters import check, check_comparison, check_methods, check_sweep
from flows.place import Place, call, configured
from flows.progress import ProgressReader, progress_path
from flows.screen import Screen, result_table
from flows.services import NAMES, SERVE, down, running, up, wait_for_deployment
from stages.cli import unread
from stages.forecast import forecast
from stages.plan import DRY_RUN, ComparisonSettings, Node, Settings, nodes, toys_of
from stages.sweep_plan import MethodsSettings, SweepSettings

_POLL_SECONDS = 0.2
#: Between two questions to the server how the run is, while it has no result yet: each costs the stages some time.
_ASK_SECONDS = 1.0
_CANCEL_SECONDS = 15.0
_SILENT_SECONDS = 20.0
_FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
#: Columns of a table that goes to no terminal.
_WIDTH = 160


@dataclass(frozen=True)
class Job:
    """What is asked for.

    Attributes:
        deployment: as ``flow/deployment``.
        parameters: of its flow, checked.
        parts: what everything else is needed for: the ending of its name, the settings of all that, and itself.
        table: what is made of several parts, by name.
    """

    deployment: str
    parameters: dict[str, Any]
    parts: Sequence[tuple[str, Settings, Node]]
    table: tuple[str, ...] = ()

    @property
    def nodes(self) -> list[str]:
        """Names of what is brought up to date, parents first."""
        return [
            *(f"{node}{ending}" for ending, settings, last in self.parts for node in nodes(settings, last)),
            *self.table,
        ]


def _transfer(given: Mapping[str, Any]) -> Job:
    """A body given by path goes through the deployment of the first body."""
    settings = check(given)
    body = settings.body if settings.body in body_names() else body_names()[0]
    return Job(f"transfer/{body}", settings.model_dump(mode="json"), [("", settings, Node("plots"))])


def _comparison(given: Mapping[str, Any]) -> Job:
    asked = check_comparison(given)
    return Job("compare-bodies/all", asked.model_dump(mode="json"), [("", asked.settings, asked.node)])


def _sweep(given: Mapping[str, Any]) -> Job:
    asked = check_sweep(given)
    return Job("sweep/all", asked.model_dump(mode="json"), _points(asked), ("sweep",))


def _methods(given: Mapping[str, Any]) -> Job:
    asked = check_methods(given)
    if not asked.toys_only:
        tables = ("sweep", "toy_comparison")
        return Job("compare-methods/all", asked.model_dump(mode="json"), _points(asked), tables)
    toys = [
        (ending, point.settings, toy)
        for ending, point in asked.points.items()
        for toy in toys_of(point.node.bodies, point.settings)
    ]
    return Job("compare-methods/all", asked.model_dump(mode="json"), toys, ("toy_comparison",))


def _points(asked: SweepSettings) -> list[tuple[str, Settings, Node]]:
    return [(ending, point.settings, point.node) for ending, point in asked.points.items()]


#: By flow: its parameters, and what it makes of them.
_FLOWS: dict[str, tuple[type[BaseModel], Callable[[Mapping[str, Any]], Job]]] = {
    "transfer": (Settings, _transfer),
    "compare-bodies": (ComparisonSettings, _comparison),
    "sweep": (SweepSettings, _sweep),
    "compare-methods": (MethodsSettings, _methods),
}


#: Parameters of which there may be several.
_SEVERAL = ("bodies", "methods")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a transfer, or the flow that the first argument names, from the command line.

    Returns:
        Exit code: 0 done, 1 failed, 2 a mistake of the user's, 130 interrupted, 141 read no further.
    """
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        words = [*(sys.argv[1:] if arguments is None else arguments)]
        flow = words.pop(0) if words and words[0] in _FLOWS else "transfer"
        model, job = _FLOWS[flow]
        given = vars(_parser(flow, model).parse_args(words))
        dry_run = given.pop("dry_run")
        asked = job({name: value for name, value in given.items() if value is not None})
        code = _tell(asked) if dry_run else _run(configured(), asked, console)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        return unread()
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: the run is cancelled and what it started is stopped", file=sys.stderr)
        return 130


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _parser(flow: str, model: type[BaseModel]) -> argparse.ArgumentParser:
    """Options from the flow's parameters, in the same words."""
    parser = argparse.ArgumentParser(prog=f"python -m flows.run {flow}", description=__doc__)
    for name, field in model.model_fields.items():
        if name != "overrides":
            words = f"{field.description} (default: {field.default})" if field.default else field.description
            how: dict[str, Any] = {"nargs": "*" if name in _SEVERAL else None}
            if field.annotation is bool:
                how = {"action": "store_true", "default": None}
            parser.add_argument(f"--{name.replace('_', '-')}", help=words, **how)
    parser.add_argument("--dry-run", action="store_true", help=DRY_RUN)
    return parser


def _tell(job: Job) -> int:
    for ending, settings, last in job.parts:
        lines = forecast([last], settings)
        print(*([f"{ending.strip('_')}:"] if ending else []), *lines, sep="\n")
    return 0


def _run(place: Place, job: Job, console: Console) -> int:
    before = running(place)
    flow_run: str | None = None
    state: dict[str, Any] = {"type": "PENDING"}
    try:
        if place.local:
            up(place, lambda line: console.print(line, highlight=False, soft_wrap=True))
        flow_run = _trigger(place, job)
        console.print(f"flow run {flow_run} ({place.page}/runs/flow-run/{flow_run})", highlight=False, soft_wrap=True)
        state, results = _follow(place, flow_run, job.nodes, console)
    finally:
        # From here on nothing may cut the tidying short.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if flow_run and state["type"] not in _FINAL and (SERVE in before or not place.local):
            _cancel(place, flow_run)
        down(place, frozenset(NAMES) - before)
    return _conclude(place, state, results, console)


def _trigger(place: Place, job: Job) -> str:
    """Create a run of the deployment."""
    deployment = wait_for_deployment(place, job.deployment)
    body = {"parameters": job.parameters, "state": {"type": "SCHEDULED"}}
    return str(call(place, "POST", f"/deployments/{deployment['id']}/create_flow_run", body)["id"])


def _follow(
    place: Place, flow_run: str, names: Sequence[str], console: Console
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Show the run until it ends.

    Returns:
        Its last state and its result lines, if it wrote any.
    """
    reader, results = ProgressReader(progress_path(flow_run)), list[dict[str, Any]]()
    state, due = _state(place, flow_run), time.monotonic() + _ASK_SECONDS
    with Screen(console, names) as screen:
        while True:
            if results or time.monotonic() > due:
                state, due = _state(place, flow_run), time.monotonic() + _ASK_SECONDS
            for line in reader.new_lines():
                if line["kind"] == "result":
                    results.append(line)
                elif line["kind"] != "input":
                    screen.show(line)
            if state["type"] in _FINAL:
                return state, results
            _check_served(place)
            time.sleep(_POLL_SECONDS)


def _state(place: Place, flow_run: str) -> dict[str, Any]:
    """Of a flow run; a server that is busy is asked again, one that is gone is named."""
    last = time.monotonic() + _SILENT_SECONDS
    while True:
        try:
            return call(place, "GET", f"/flow_runs/{flow_run}")["state"]
        except OSError as error:
            if time.monotonic() > last:
                raise UserError(f"the Prefect server at {place.url} no longer answers: {error}") from error
        time.sleep(_POLL_SECONDS)


def _check_served(place: Place) -> None:
    if place.local and SERVE not in running(place):
        raise UserError(f"the serve process ended during the run: its last words are in {place.log(SERVE)}")


def _cancel(place: Place, flow_run: str) -> None:
    """Ask for cancellation and wait for it; a server that is gone has nothing left to cancel."""
    try:
        call(place, "POST", f"/flow_runs/{flow_run}/set_state", {"state": {"type": "CANCELLING"}, "force": True})
        end = time.monotonic() + _CANCEL_SECONDS
        while time.monotonic() < end:
            if _state(place, flow_run)["type"] in _FINAL:
                return
            time.sleep(_POLL_SECONDS)
    except (UserError, OSError) as error:
        print(f"could not cancel flow run {flow_run}: {error}", file=sys.stderr)


def _conclude(place: Place, state: dict[str, Any], results: Sequence[dict[str, Any]], console: Console) -> int:
    """Show the results, which a comparison has even where a body failed, and the failure."""
    for result in results:
        if result["rows"]:
            console.print(result_table(result["rows"], result["title"]))
        console.print(f"report: {result['report']}", highlight=False, soft_wrap=True)
    if state["type"] == "COMPLETED" and results:
        return 0
    words = state.get("message") or f"the run ended as {state['name']}"
    print(f"{words} (log: {place.log(SERVE)})", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
