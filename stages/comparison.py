"""Stage ``comparison``: bodies by routes by controls in one table, all of them from one toy.

Writes ``comparison.json``, ``comparison.parquet`` (one row per body, route and control) and ``comparison.md``.
"""

from __future__ import annotations

if __name__ == "__main__":  # before the imports below, which take a second
    from stages.cli import main

    main("comparison")

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from envs.tasks import Floats
from stages.comparison_table import CONTROLS, markdown
from stages.configs.comparison import ComparisonConfig
from stages.contract import Artifact, Metrics, Progress, write_json

#: Percentiles of a 95 % interval.
_INTERVAL = (2.5, 97.5)
#: Means over all reference tasks: column of the table, column of ``episodes.parquet``.
_MEANS = {
    "success": "success",
    "fall_rate": "fell",
    "return": "episode_return",
    "mean_stride": "mean_stride",
    "seconds": "seconds",
}


def run(config: ComparisonConfig, inputs: Mapping[str, Artifact], out: Path, report: Progress) -> Metrics:
    """Write the table; returns the agents' numbers, such as ``hopper/reuse/goal_settled``."""
    toy = common_toy(inputs)
    pairs = [(body, route) for body in config.bodies for route in config.routes]
    rows: list[dict[str, Any]] = []
    for done, (body, route) in enumerate(pairs, 1):
        episodes = inputs[f"evaluation_{body}_{route}"].table("episodes.parquet")
        reference = pd.DataFrame(episodes[episodes.task_set == "reference"])
        for control in CONTROLS:
            own = pd.DataFrame(reference[reference.control == control])
            rows.append({"body": body, "route": route, "control": control, **summary(own, config)})
        report(done / len(pairs))
    write_json(out / "comparison.json", {"toy_inference": toy, "rows": rows})
    pd.DataFrame(rows).assign(toy_inference=toy).to_parquet(out / "comparison.parquet", index=False)
    (out / "comparison.md").write_text(markdown(rows, toy), encoding="utf-8")
    return _headline(rows)


def common_toy(inputs: Mapping[str, Artifact]) -> str:
    """Digest of the toy that every evaluation used.

    Raises:
        ValueError: an evaluation was made with another toy than the one given.
    """
    toy = inputs["toy_inference"].digest
    for name, artifact in inputs.items():
        # What an artifact was made from lies beside it.
        if (
            artifact.stage == "evaluation"
            and (used := artifact.json("components.json")["inputs"]["toy_inference"]) != toy
        ):
            raise ValueError(f"{name} was made with the toy {used[:12]}, not with {toy[:12]}")
    return toy


def summary(episodes: pd.DataFrame, config: ComparisonConfig) -> dict[str, float]:
    """Numbers of a body, a route and a control, from their episodes of the reference tasks."""
    numbers = {"episodes": float(len(episodes))}
    for kind in ("goal", "velocity"):
        numbers |= _settled(f"{kind}_settled", _numbers(episodes[episodes.kind == kind], "settled"), config)
    return numbers | {name: float(_numbers(episodes, column).mean()) for name, column in _MEANS.items()}


def _numbers(episodes: Any, column: str) -> Floats:
    return episodes[column].to_numpy(dtype=float)


def _settled(name: str, errors: Floats, config: ComparisonConfig) -> dict[str, float]:
    low, high = interval(errors, config.resamples, config.seed)
    return {
        name: float(errors.mean()),
        f"{name}_low": low,
        f"{name}_high": high,
        f"{name}_median": float(np.median(errors)),
    }


def interval(values: Floats, resamples: int, seed: int) -> tuple[float, float]:
    """Bootstrap 95 % interval of the mean of values (n,); equal arguments give equal bounds."""
    rng = np.random.default_rng(seed)
    means = values[rng.integers(0, len(values), (resamples, len(values)))].mean(axis=1)
    low, high = np.percentile(means, _INTERVAL)
    return float(low), float(high)


def _headline(rows: list[dict[str, Any]]) -> Metrics:
    return {
        f"{row['body']}/{row['route']}/{name}": row[name]
        for row in rows
        if row["control"] == "agent"
        for name in ("goal_settled", "velocity_settled", "success", "fall_rate", "return")
    }
