"""Stage ``sweep``: the points of a sweep, and what its table says over the seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError

from stages.comparison_table import NUMBERS, swept
from stages.configs.sweep import SweepConfig
from stages.contract import Artifact, write_json
from stages.plan import Settings
from stages.sweep import run
from stages.sweep_plan import SweepSettings

_ERRORS = (0.1, 0.2, 0.3, 0.4, 5.0)


def _comparison(root: Path, seed: int, error: float) -> Artifact:
    folder = root / f"comparison_seed{seed}"
    folder.mkdir()
    rows = [
        {"body": body, "route": "reuse", "control": control, "toy_inference": "f" * 64} | dict.fromkeys(NUMBERS, value)
        for body, value in (("cheetah", error), ("hopper", 1.0))
        for control in ("agent", "oracle")
    ]
    write_json(folder / "comparison.json", {"rows": rows})
    return Artifact("comparison", "", "", folder)


def _table(root: Path, places: dict[str, dict[str, int | str]]) -> tuple[list[dict[str, Any]], dict[str, float]]:
    inputs = {name: _comparison(root, i, _ERRORS[i]) for i, name in enumerate(places)}
    out = root / "out"
    out.mkdir()
    fractions: list[float] = []
    metrics = run(SweepConfig(points=places), inputs, out, lambda fraction, **_: fractions.append(fraction))
    assert fractions[-1] == 1.0
    rows = Artifact("sweep", "", "", out).json("sweep.json")["rows"]
    assert rows == pd.read_parquet(out / "sweep.parquet").to_dict(orient="records")
    page = (out / "sweep.md").read_text(encoding="utf-8")
    assert all(f"| {' | '.join(swept(row).values())} |" in page for row in rows)
    return rows, metrics


def test_a_row_holds_interquartile_mean_and_interval_over_the_seeds(tmp_path: Path) -> None:
    rows, metrics = _table(tmp_path, {f"comparison_seed{seed}": {"seed": seed} for seed in range(len(_ERRORS))})
    assert [(row["body"], row["control"], row["seeds"]) for row in rows] == [
        (body, control, 5) for body in ("cheetah", "hopper") for control in ("agent", "oracle")
    ]
    cheetah, _, hopper, _ = rows
    # One seed of five that went astray is left out.
    assert cheetah["goal_settled"] == pytest.approx(0.3) == metrics["cheetah/reuse/goal_settled"]
    assert 0.1 <= cheetah["goal_settled_low"] < 0.3 < cheetah["goal_settled_high"] <= 5.0
    assert [hopper[f"velocity_settled{part}"] for part in ("", "_low", "_high")] == [1.0, 1.0, 1.0]


def test_another_axis_has_rows_of_its_own(tmp_path: Path) -> None:
    places: dict[str, dict[str, int | str]] = {
        f"comparison_{method}{seed}": {"method": method, "seed": seed} for method in ("a", "b") for seed in (0, 1)
    }
    rows, metrics = _table(tmp_path, places)
    assert [(row["body"], row["method"], row["seeds"]) for row in rows if row["control"] == "agent"] == [
        ("cheetah", "a", 2),
        ("hopper", "a", 2),
        ("cheetah", "b", 2),
        ("hopper", "b", 2),
    ]
    assert metrics["cheetah/reuse/b/goal_settled"] == pytest.approx(0.35)


def test_points_differ_in_seed_alone() -> None:
    asked = SweepSettings(bodies=("cheetah", "ant"), route="reuse", seed=3, seeds=2, profile="tiny", workers="dask=a:1")
    assert list(asked.points) == ["_seed3", "_seed4"] and asked.places == [{"seed": 3}, {"seed": 4}]
    for seed, point in zip((3, 4), asked.points.values(), strict=True):
        assert point.settings == Settings(route="reuse", seed=seed, profile="tiny")
        assert point.node.bodies == ("cheetah", "ant")


@pytest.mark.parametrize("wrong", [{"workers": "slurm"}, {"workers": "processes=2"}, {"seeds": 0}, {"at_once": 0}])
def test_what_a_sweep_cannot_be_told(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SweepSettings.model_validate(wrong)
