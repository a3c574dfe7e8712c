"""Stage ``comparison``: bodies by routes by controls in one table, all that share a space from one toy.

Writes ``comparison.json``, ``comparison.parquet`` (one row per body, route and control), ``comparison.md``
and ``report.html``.
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
from stages.comparison_table import CONTROLS, NUMBERS, markdown
from stages.configs.comparison import ComparisonConfig
from stages.contract import Artifact, Metrics, Progress, write_json
from vis.comparison import render
from vis.content import Source

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
    toys = used_toys(inputs)
    pairs = [(body, route) for body in config.bodies for route in config.routes]
    rows: list[dict[str, Any]] = []
    for done, (body, route) in enumerate(pairs, 1):
        name = f"evaluation_{body}_{route}"
        episodes = inputs[name].table("episodes.parquet")
        reference = pd.DataFrame(episodes[episodes.task_set == "reference"])
        for control in CONTROLS:
            own = pd.DataFrame(reference[reference.control == control])
            told = {"body": body, "route": route, "control": control, "toy_inference": toys[name]}
            rows.append({**told, **summary(own, config)})
        report(done / len(pairs))
    write_json(out / "comparison.json", {"rows": rows})
    pd.DataFrame(rows).to_parquet(out / "comparison.parquet", index=False)
    (out / "comparison.md").write_text(markdown(rows), encoding="utf-8")
    sources = [Source.of(name, artifact) for name, artifact in inputs.items()]
    (out / "report.html").write_text(render(rows, sources), encoding="utf-8")
    return _headline(rows)


def used_toys(inputs: Mapping[str, Artifact]) -> dict[str, str]:
    """Digest of the toy that each evaluation used, by the evaluation's input name.

    Raises:
        ValueError: an evaluation was made with a toy that is not among the inputs.
    """
    given = {artifact.digest for artifact in inputs.values() if artifact.stage == "toy_inference"}
    evaluations = {name: artifact for name, artifact in inputs.items() if artifact.stage == "evaluation"}
    # What an artifact was made from lies beside it.
    used = {name: artifact.json("components.json")["inputs"]["toy_inference"] for name, artifact in evaluations.items()}
    for name, digest in used.items():
        if digest not in given:
            raise ValueError(f"{name} was made with the toy {digest[:12]}, which is not the one of its space")
    return used


def summary(episodes: pd.DataFrame, config: ComparisonConfig) -> dict[str, float]:
    """Numbers of a body, a route and a control, from their episodes of the reference tasks."""
    numbers = {"episodes": float(len(episodes))}
    for kind in ("goal", "velocity"):
        numbers |= _settled(
            f"{kind}_settled", _numbers(episodes[episodes.kind.str.removesuffix("_y") == kind], "settled"), config
        )
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
        for name in NUMBERS
    }
