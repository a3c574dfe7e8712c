"""Small tables in the formats that the stages write, for tests of figures only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from envs.palette import CONTROL_TITLES
from envs.tasks import KINDS, LINE, Tasks, reference_tasks
from stages.contract import Artifact, write_json

RANGES = {"velocity": (1.0, 2.5), "goal": (0.2, 10.0)}
_LEVELS = {"agent": 0.07, "oracle": 0.06, "no_inference": 0.95, "random_encoder": 1.1}
_SCALARS = {
    "goal_success": 0.9,
    "velocity_success": 0.7,
    "return": -14.0,
    "fall_rate": 0.0,
    "seconds": 31.0,
    "mean_stride": 6.2,
    "decisions_to_identify": 2.3,
    "base_task_accuracy": 0.99,
    "specification_r2": 0.97,
}


def latents(time: str = "step", points_per_task: int = 8) -> pd.DataFrame:
    """A ``latents.parquet``: one cluster per base task, drawn out along the specification."""
    rng = np.random.default_rng(0)
    tasks = _spread(10)
    n = len(tasks)
    base, specification = np.repeat(tasks.base_task, points_per_task), np.repeat(tasks.specification, points_per_task)
    centres = rng.normal(0, 3, (len(LINE.base_tasks), 8))
    z = centres[base] + np.abs(specification)[:, None] * np.linspace(-0.4, 0.4, 8) + rng.normal(0, 0.1, (len(base), 8))
    table = pd.DataFrame({"task": np.repeat(tasks.labels(), points_per_task)})
    table["kind"] = np.repeat([KINDS[k] for k in tasks.kind], points_per_task)
    table["base_task"] = [LINE.base_tasks[b] for b in base]
    table["specification"] = specification
    table[time] = np.tile(np.arange(points_per_task), n)
    return table.assign(**{f"z{i}": z[:, i] for i in range(8)})


def trajectories() -> pd.DataFrame:
    """A ``trajectories.parquet``: exponential approach to each target, strides that shorten near it."""
    rng = np.random.default_rng(1)
    tasks = reference_tasks(RANGES)
    parts = [_episode(rng, control, task, tasks) for control in CONTROL_TITLES for task in range(len(tasks))]
    return pd.concat(parts, ignore_index=True)


def episodes() -> pd.DataFrame:
    """An ``episodes.parquet``: one episode per reference task and control, some of which end in a fall."""
    tasks = reference_tasks(RANGES)
    n, controls = len(tasks), list(CONTROL_TITLES)
    table = pd.DataFrame(
        {"control": np.repeat(controls, n), "base_task": np.tile(tasks.base_task_names, len(controls))}
    )
    table["fell"] = (np.arange(len(table)) % 7 == 0) & (table["control"] != "oracle")
    return table.assign(task_set="reference", seed=0)


def controls() -> dict[str, dict[str, dict[str, float]]]:
    """A ``controls.json``."""
    result = {}
    for i, control in enumerate(CONTROL_TITLES):
        level = _LEVELS.get(control, 0.1 + 0.02 * i)
        errors = {f"{kind}_{how}": level for kind in ("goal", "velocity") for how in ("settled", "raw", "whole")}
        result[control] = {name: _statistics(value) for name, value in {**errors, **_SCALARS}.items()}
    return result


def switches() -> dict[str, dict[str, dict[str, float]]]:
    """A ``switches.json``."""
    names = {"identification": 2.5, "recovery": 14.0, "settled": 0.06, "fell": 0.0}
    return {control: {name: _statistics(value) for name, value in names.items()} for control in ("agent", "oracle")}


def tracking() -> pd.DataFrame:
    """A ``tracking.parquet``."""
    amounts = np.concatenate([-np.linspace(0.3, 3, 10)[::-1], np.linspace(0.3, 3, 10)])
    rows = [
        {
            "kind": kind,
            "base_task": f"{kind} {'forward' if a > 0 else 'backward'}",
            "amount": a,
            "error": 0.03 + 0.02 / abs(a),
            "mean_error": (0.02 if kind == "velocity" else 0.03) + (0.01 if kind == "velocity" else 0.02) / abs(a),
        }
        for kind in ("velocity", "goal")
        for a in amounts
    ]
    return pd.DataFrame(rows)


def learning_curve() -> pd.DataFrame:
    """A ``learning_curve.parquet`` with a metric that is not logged in every row."""
    step = np.arange(0, 1_000_000, 20_000)
    curve = pd.DataFrame({"step": step, "return": -100 * np.exp(-step / 3e5) - 8, "loss": np.exp(-step / 2e5)})
    curve["goal_error"] = np.where(np.arange(len(step)) % 5 == 0, np.exp(-step / 3e5), np.nan)
    return curve


def artifacts(root: Path, routes: tuple[str, ...] = ("reuse", "retrain")) -> Mapping[str, Artifact]:
    """Inputs of stage ``plots``; the evaluations have a ``video.txt``."""
    tables = {"latents.parquet": latents(), "learning_curve.parquet": learning_curve()}
    inputs = {
        "toy_inference": _artifact(root, "toy_inference", tables),
        "low_level": _artifact(
            root, "low_level", {"tracking.parquet": tracking(), "learning_curve.parquet": learning_curve()}
        ),
    }
    for route in routes:
        stage = {"reuse": "striding", "retrain": "high_level"}[route]
        inputs[stage] = _artifact(root, stage, {"learning_curve.parquet": learning_curve()})
        name = f"evaluation_{route}"
        tables = {
            "trajectories.parquet": trajectories(),
            "latents.parquet": latents("decision"),
            "episodes.parquet": episodes(),
        }
        inputs[name] = _artifact(root, name, tables)
        write_json(inputs[name].folder / "controls.json", controls())
        write_json(inputs[name].folder / "switches.json", switches())
        (inputs[name].folder / "video.txt").write_text("no OpenGL on this machine\n")
    return inputs


def _artifact(root: Path, name: str, tables: Mapping[str, pd.DataFrame]) -> Artifact:
    folder = root / name
    folder.mkdir(parents=True)
    for file, table in tables.items():
        table.to_parquet(folder / file, index=False)
    parts = {"stage": name, "config": {"seed": 0}, "inputs": {}, "sources": {f"stages/{name}.py": "c" * 64}}
    write_json(folder / "components.json", parts)
    write_json(folder / "manifest.json", {"files": {file: {"sha256": "a" * 64, "bytes": 1} for file in tables}})
    return Artifact(name.split("_re")[0] if "evaluation" in name else name, "0" * 64, "f" * 64, folder)


def _spread(count: int) -> Tasks:
    rows = [
        (KINDS.index(kind), sign * s)
        for kind, (low, high) in RANGES.items()
        for sign in (1.0, -1.0)
        for s in np.linspace(low, high, count)
    ]
    kinds, specifications = zip(*rows, strict=True)
    return Tasks(np.array(kinds), np.array(specifications))


def _statistics(value: float) -> dict[str, float]:
    return {"mean": value, "median": value * 0.95, "iqm": value, "low": value * 0.8, "high": value * 1.3}


def _episode(rng: np.random.Generator, control: str, task: int, tasks: Tasks, decisions: int = 100) -> pd.DataFrame:
    specification, base = float(tasks.specification[task]), int(tasks.base_task[task])
    kind = KINDS[tasks.kind[task]]
    stride = np.clip(np.round(18 * np.exp(-np.arange(decisions) / 20) + rng.integers(1, 5, decisions)), 1, 20)
    seconds = np.cumsum(stride) * 0.05
    coordinate = specification * (1 - np.exp(-seconds / 3)) + rng.normal(0, 0.02, decisions) * (control != "oracle")
    belief = 1 - 0.7 * np.exp(-np.arange(decisions) / 1.5)
    table = pd.DataFrame({"decision": np.arange(1, decisions + 1), "seconds": seconds, "coordinate": coordinate})
    table["x"] = coordinate if kind == "goal" else np.cumsum(coordinate * stride * 0.05)
    table["vx"] = coordinate if kind == "velocity" else np.gradient(coordinate, seconds)
    table["reward"] = -np.abs(coordinate - specification) / abs(specification)
    for i, name in enumerate(LINE.base_tasks):
        table[f"p {name}"] = belief if i == base else (1 - belief) / 3
    return table.assign(
        control=control,
        task=task,
        label=tasks.labels()[task],
        kind=kind,
        base_task=LINE.base_tasks[base],
        specification=specification,
        stride=stride.astype(int),
        command_kind=kind,
        command=specification / 4,
        believed_base_task=LINE.base_tasks[base],
        belief=belief,
        estimate=specification,
        estimate_low=specification - 0.4 * (1 - belief),
        estimate_high=specification + 0.4 * (1 - belief),
    )
