"""Stage ``toy_comparison``: inference methods on the toy, over training seeds, in one table.

Writes ``toys.json`` and ``toys.parquet`` (one row per space and method), ``accuracy.parquet`` (base-task accuracy by
step) and ``toys.md``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from envs.tasks import SPACES, Tasks
from models.toy_agent import ToyAgent
from stages.configs.methods import DEFAULT_METHOD
from stages.configs.toy_comparison import ToyComparisonConfig
from stages.contract import Artifact, Metrics, Progress, write_json
from stages.scores import aggregate
from stages.toy_scores import ToyScores, scored
from stages.toy_table import markdown

Row = dict[str, Any]


def run(config: ToyComparisonConfig, inputs: Mapping[str, Artifact], out: Path, report: Progress) -> Metrics:
    """Score every toy and write the tables; returns numbers such as ``line/melts/return``."""
    groups: dict[tuple[str, str], list[ToyScores]] = {}
    for done, (name, method) in enumerate(config.toys.items(), 1):
        agent = ToyAgent.load(inputs[name].folder)
        held_out = inputs[name].json("tasks.json")["held_out"]
        tasks = Tasks(np.array(held_out["kind"]), np.array(held_out["specification"]), SPACES[agent.space.name])
        groups.setdefault((agent.space.name, method), []).append(scored(agent, tasks, config.decisions))
        report(done / len(config.toys))
    rows = [
        _row(space, method, own, groups.get((space, DEFAULT_METHOD)), config) for (space, method), own in groups.items()
    ]
    write_json(out / "toys.json", {"rows": rows})
    pd.DataFrame(rows).to_parquet(out / "toys.parquet", index=False)
    _accuracy(groups).to_parquet(out / "accuracy.parquet", index=False)
    (out / "toys.md").write_text(markdown(rows), encoding="utf-8")
    headline = ("return", "base_task_accuracy")
    return {f"{row['space']}/{row['method']}/{name}": row[name] for row in rows for name in headline}


def _row(
    space: str, method: str, own: Sequence[ToyScores], usual: Sequence[ToyScores] | None, config: ToyComparisonConfig
) -> Row:
    """Means over seeds; of the return the interquartile mean over seeds and tasks, with its interval."""
    returns = np.concatenate([scores.returns for scores in own])
    over = aggregate(returns, config.resamples)
    better = {} if usual is None else {"improvement": improvement(returns, np.concatenate([u.returns for u in usual]))}
    names = [name for name in own[0].numbers if name != "return"]
    return {
        "space": space,
        "method": method,
        "seeds": len(own),
        "return": float(returns.mean()),
        **{f"return_{name}": over[name] for name in ("iqm", "low", "high")},
        **{name: float(np.mean([scores.numbers[name] for scores in own])) for name in names},
        **better,
    }


def improvement(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Probability that one of ours (n,) is larger than one of theirs (m,), ties counting half (rliable)."""
    return float((np.sign(ours[:, None] - theirs).mean() + 1.0) / 2.0)


def _accuracy(groups: Mapping[tuple[str, str], Sequence[ToyScores]]) -> pd.DataFrame:
    parts = [
        pd.DataFrame({"space": space, "method": method, "step": np.arange(len(mean)), "accuracy": mean})
        for (space, method), own in groups.items()
        for mean in [np.mean([scores.accuracy for scores in own], axis=0)]
    ]
    return pd.concat(parts, ignore_index=True)
