"""What a flow run leaves in Prefect's page beside its result: which stages were stored, which computed, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from functools import wraps
from typing import Any

from prefect.artifacts import create_table_artifact
from prefect.runtime import flow_run

from flows.progress import Line, ProgressReader, progress_path

#: Kinds of lines that say nothing of what became of a stage.
_PASSING = ("result", "look", "progress")


def with_verdicts(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a flow end with the table artifact ``verdicts``, be it done or failed."""

    @wraps(function)
    def run(**parameters: Any) -> Any:
        state = function(**parameters)
        if table := rows(ProgressReader(progress_path(str(flow_run.id))).new_lines()):
            create_table_artifact(table, key="verdicts", description="stages that were stored or computed, and why")
        return state

    return run


def rows(lines: Iterable[Line]) -> list[dict[str, str]]:
    """One row per stage, in the order in which they were first told of."""
    told: dict[str, list[Line]] = {}
    for line in lines:
        if line["kind"] not in _PASSING:
            told.setdefault(line["name"], []).append(line)
    return [
        {
            "stage": name,
            "verdict": _verdict({line["kind"] for line in own}),
            "why": "; ".join(dict.fromkeys(line["note"] for line in own if line["note"])),
        }
        for name, own in told.items()
    ]


def _verdict(kinds: Set[str]) -> str:
    if "done" in kinds:
        return "computed"
    return "failed" if "miss" in kinds else "stored"
