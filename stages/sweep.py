"""Stage ``sweep``: comparisons of bodies that differ in seed, and in whatever else was swept over, in one table.

Writes ``sweep.json``, ``sweep.parquet`` (one row per body, route, control and place on the axes but the seed) and
``sweep.md``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stages.comparison_table import NUMBERS, swept_markdown
from stages.configs.sweep import SweepConfig
from stages.contract import Artifact, Metrics, Progress, write_json
from stages.scores import aggregate

#: What the numbers are taken over.
_OVER = "seed"
_ROW = ("body", "route", "control")


def run(config: SweepConfig, inputs: Mapping[str, Artifact], out: Path, report: Progress) -> Metrics:
    """Write the table; returns the agents' numbers, such as ``hopper/reuse/goal_settled``."""
    axes = [*_ROW, *(axis for axis in next(iter(config.points.values())) if axis != _OVER)]
    rows = summary(joined(config.points, inputs), axes, config.resamples)
    report(0.5)
    write_json(out / "sweep.json", {"rows": rows})
    pd.DataFrame(rows).to_parquet(out / "sweep.parquet", index=False)
    (out / "sweep.md").write_text(swept_markdown(rows), encoding="utf-8")
    report(1.0)
    named = [axis for axis in axes if axis != "control"]
    return {
        "/".join([*(str(row[axis]) for axis in named), name]): row[name]
        for row in rows
        if row["control"] == "agent"
        for name in NUMBERS
    }


def joined(points: Mapping[str, Mapping[str, int | str]], inputs: Mapping[str, Artifact]) -> list[dict[str, Any]]:
    """The rows of all comparisons, each with its place on the axes."""
    return [{**row, **place} for name, place in points.items() for row in inputs[name].json("comparison.json")["rows"]]


def summary(rows: Sequence[Mapping[str, Any]], axes: Sequence[str], resamples: int) -> list[dict[str, Any]]:
    """One row per place on the axes: interquartile mean and its interval over the seeds.

    Of each number: ``goal_settled`` (the interquartile mean), ``goal_settled_low`` and ``_high`` (95 % interval).
    """
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault(tuple(row[axis] for axis in axes), []).append(row)
    found: list[dict[str, Any]] = []
    for place, own in groups.items():
        numbers: dict[str, Any] = {**dict(zip(axes, place, strict=True)), "seeds": len(own)}
        for name in NUMBERS:
            over = aggregate(np.array([row[name] for row in own], dtype=float), resamples)
            numbers |= {name: over["iqm"], f"{name}_low": over["low"], f"{name}_high": over["high"]}
        found.append(numbers)
    return found
