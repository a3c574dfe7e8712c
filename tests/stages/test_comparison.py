"""Stage ``comparison``: the numbers of its table, its files, and the one toy behind all of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stages.comparison import interval, run
from stages.comparison_table import CONTROLS, shown
from stages.configs.comparison import ComparisonConfig
from stages.contract import Artifact, Metrics, write_json

TOY = "f" * 64
CONFIG = ComparisonConfig(bodies=("cheetah", "hopper"))
PAIRS = [(body, route) for body in CONFIG.bodies for route in CONFIG.routes]


def _episodes(level: float) -> pd.DataFrame:
    """Four reference episodes per control, and a random one that must not count."""
    rows = [
        {"control": control, "task_set": "reference", "kind": kind, "settled": error, "success": error <= 0.1}
        | {"fell": kind == "velocity" and error > level, "episode_return": -10 * error, "mean_stride": 8.0}
        for control in [*CONTROLS, "fixed_1"]
        for kind in ("goal", "velocity")
        for error in (level, 3 * level)
    ]
    random = [{**rows[0], "task_set": "random", "settled": 2.0, "fell": True, "episode_return": -999.0}]
    return pd.DataFrame(rows + random).assign(seconds=40.0)


def _artifact(root: Path, name: str, toy: str = TOY) -> Artifact:
    folder = root / name
    folder.mkdir(parents=True)
    stage = "evaluation" if name.startswith("evaluation") else name
    write_json(folder / "components.json", {"inputs": {"toy_inference": toy}})
    write_json(folder / "manifest.json", {"files": {"episodes.parquet": {"sha256": "d" * 64, "bytes": 1}}})
    return Artifact(stage, "0" * 64, toy, folder)


def _inputs(root: Path) -> dict[str, Artifact]:
    inputs = {"toy_inference": _artifact(root, "toy_inference")}
    for number, (body, route) in enumerate(PAIRS, 1):
        artifact = inputs[f"evaluation_{body}_{route}"] = _artifact(root, f"evaluation_{body}_{route}")
        _episodes(0.05 * number).to_parquet(artifact.folder / "episodes.parquet")
    return inputs


@pytest.fixture
def compared(tmp_path: Path) -> tuple[Path, Metrics, list[float]]:
    """The stage's folder, metrics, and the fractions that it reported."""
    out, fractions = tmp_path / "out", list[float]()
    out.mkdir()
    return out, run(CONFIG, _inputs(tmp_path), out, lambda fraction, **_: fractions.append(fraction)), fractions


def test_a_row_per_body_route_and_control(compared: tuple[Path, Metrics, list[float]]) -> None:
    out, metrics, fractions = compared
    table = pd.read_parquet(out / "comparison.parquet")
    assert list(zip(table.body, table.route, table.control, strict=True)) == [
        (*pair, control) for pair in PAIRS for control in CONTROLS
    ]
    assert set(table.toy_inference) == {TOY}
    assert fractions == [0.25, 0.5, 0.75, 1.0]
    assert metrics["hopper/reuse/goal_settled"] == pytest.approx(0.3)
    assert len(metrics) == len(PAIRS) * 5


def test_the_numbers_are_those_of_the_reference_episodes(compared: tuple[Path, Metrics, list[float]]) -> None:
    row = pd.read_parquet(compared[0] / "comparison.parquet").iloc[0]
    assert row.episodes == 4
    for kind in ("goal", "velocity"):
        assert row[f"{kind}_settled"] == row[f"{kind}_settled_median"] == pytest.approx(0.1)
        assert (row[f"{kind}_settled_low"], row[f"{kind}_settled_high"]) == pytest.approx((0.05, 0.15))
    assert (row.success, row.fall_rate, row["return"]) == pytest.approx((0.5, 0.25, -1.0))
    assert (row.mean_stride, row.seconds) == (8.0, 40.0)


def test_the_three_files_say_the_same(compared: tuple[Path, Metrics, list[float]]) -> None:
    out = compared[0]
    page = (out / "comparison.md").read_text(encoding="utf-8")
    written = Artifact("comparison", "", "", out).json("comparison.json")
    assert TOY in page
    table = pd.read_parquet(out / "comparison.parquet")
    assert written["rows"] == table.to_dict(orient="records")
    assert all(f"| {' | '.join(shown(row).values())} |" in page for row in written["rows"])
    assert "| 0.100 [0.050, 0.150] | 0.100 |" in page


def test_the_page_shows_every_body_its_numbers_and_the_digest_of_each_file(
    compared: tuple[Path, Metrics, list[float]],
) -> None:
    text = (compared[0] / "report.html").read_text(encoding="utf-8")
    for words in ("cheetah, route retrain", "hopper, route reuse", "0.100 [0.050, 0.150]", TOY, "d" * 64):
        assert words in text
    assert "default-src 'none'" in text


def test_another_toy_is_refused(tmp_path: Path) -> None:
    inputs = _inputs(tmp_path)
    inputs["evaluation_hopper_reuse"] = _artifact(tmp_path / "other", "evaluation_hopper_reuse", "e" * 64)
    with pytest.raises(ValueError, match="evaluation_hopper_reuse was made with the toy eeee"):
        run(CONFIG, inputs, tmp_path, lambda fraction, **_: None)


def test_the_interval_holds_the_mean_and_narrows() -> None:
    rng = np.random.default_rng(0)
    few, many = rng.normal(1.0, 0.5, 30), rng.normal(1.0, 0.5, 3000)
    low, high = interval(few, 2000, seed=0)
    assert low < few.mean() < high
    # The normal approximation is good here: 2 x 1.96 standard errors.
    assert high - low == pytest.approx(3.92 * few.std() / np.sqrt(30), rel=0.1)
    assert np.diff(interval(many, 2000, seed=0)) < 0.2 * (high - low)
    assert interval(few, 2000, seed=0) == (low, high)
    assert interval(np.ones(5), 10, seed=0) == (1.0, 1.0)
