"""What a finished flow run shows: the result table, the runs behind it and the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture
from prefect.runtime import flow_run
from prefect.states import Failed

from flows.place import ROOT, mlflow_address
from flows.progress import progress_path, write_line
from stages import toy_table
from stages.comparison_table import CONTROLS, shown, swept
from stages.runner import StoredRun

#: Columns of the table: heading, metric of controls.json, statistic.
COLUMNS = (
    ("goal", "goal_settled", "median"),
    ("velocity", "velocity_settled", "median"),
    ("goal ok", "goal_success", "mean"),
    ("velocity ok", "velocity_success", "mean"),
    ("falls", "fall_rate", "mean"),
    ("return", "return", "mean"),
)


@dataclass(frozen=True)
class Result:
    """What a table shows: its title, and the keys of its artifact and of the one that names the runs behind it."""

    title: str
    key: str
    runs: str


REFERENCE = Result("Result on the reference tasks", "result", "runs")
ON_TOYS = Result("Inference methods on the toy, held-out tasks", "toys", "toy-runs")


def settle(futures: Iterable[PrefectFuture[Any]]) -> tuple[list[StoredRun], State[Any] | None]:
    """Wait for tasks.

    Returns:
        Their stored runs, and the failure that stopped the rest (None when all went well).
    """
    futures = list(futures)
    failed = failure(futures)
    return ([future.result() for future in futures], None) if failed is None else ([], failed)


def failure(futures: Iterable[PrefectFuture[Any]]) -> State[Any] | None:
    """Wait for tasks; the first failure among them, which may have stopped others."""
    futures = list(futures)
    for future in futures:
        future.wait()
    failed = next((future.state for future in futures if future.state.is_failed() or future.state.is_crashed()), None)
    return None if failed is None else Failed(message=failed.message)


def rows(evaluations: Mapping[str, StoredRun]) -> list[dict[str, Any]]:
    """Result table: one row per route and control."""
    return [
        {"route": route, "control": control}
        | {heading: controls[control][metric][statistic] for heading, metric, statistic in COLUMNS}
        for route, run in evaluations.items()
        for controls in [run.artifact.json("controls.json")]
        for control in CONTROLS
        if control in controls
    ]


def comparison_rows(comparison: StoredRun) -> list[dict[str, Any]]:
    """The table of a comparison: one row per body, route and control, as words."""
    return [dict(shown(row)) for row in comparison.artifact.json("comparison.json")["rows"]]


def swept_rows(sweep: StoredRun) -> list[dict[str, Any]]:
    """The table of a sweep: one row per body, route and control, as words."""
    return [dict(swept(row)) for row in sweep.artifact.json("sweep.json")["rows"]]


def toy_rows(comparison: StoredRun, toys: Iterable[tuple[str, StoredRun]]) -> list[dict[str, Any]]:
    """The table of inference methods on the toy, as words, and how long the toys, by method, took to train."""
    took: dict[tuple[str, str], list[float]] = {}
    for method, run in toys:
        took.setdefault((run.artifact.json("agent.json")["space"], method), []).append(run.seconds)
    return [
        {**toy_table.shown(row), "training": f"{mean(took[row['space'], row['method']]):.0f} s"}
        for row in comparison.artifact.json("toys.json")["rows"]
    ]


def publish(
    table: list[dict[str, Any]], runs: Iterable[StoredRun], report: Path | None, what: Result = REFERENCE
) -> None:
    """Leave the result in Prefect's page as artifacts and in the progress file for ``make run``."""
    shown = str(_relative(report)) if report else None
    lines = [f"* {run.artifact.stage}: MLflow run [`{run.run_id}`]({mlflow_address(run.page)})" for run in runs]
    lines += [f"* report: `{shown}`"] if shown else []
    if table:
        create_table_artifact(table, key=what.key, description=what.title)
    create_markdown_artifact("\n".join(lines), key=what.runs, description="what the result was made from")
    write_line(progress_path(str(flow_run.id)), {"kind": "result", "title": what.title, "rows": table, "report": shown})


def _relative(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
