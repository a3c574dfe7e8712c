"""Stage ``plots``: files, metrics, one route, equal bytes."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from stages.configs.plots import PlotsConfig
from stages.contract import Route
from stages.plots import run
from tests.vis.synthetic import artifacts


def draw(root: Path, route: Route, video: bytes | None = None) -> tuple[Path, dict[str, float], list[float]]:
    """The stage's folder, metrics, and the fractions it reported."""
    out, fractions = root / "out", []
    out.mkdir(parents=True)
    inputs = artifacts(root / "inputs", (route,))
    if video:
        (inputs[f"evaluation_{route}"].folder / "video.mp4").write_bytes(video)
    config = PlotsConfig.model_validate({"routes": [route], "points": 60})
    return out, run(config, inputs, out, lambda fraction, **_: fractions.append(fraction)), fractions


def test_one_route_is_enough(tmp_path: Path) -> None:
    out, metrics, fractions = draw(tmp_path, "retrain", video=b"film")
    assert set(metrics) == {"retrain/goal_settled", "retrain/velocity_settled"}
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert "data:video/mp4;base64,ZmlsbQ==" in (out / "report.html").read_text()


def test_equal_inputs_give_equal_bytes(tmp_path: Path) -> None:
    first, second = (
        {path.name: sha256(path.read_bytes()).hexdigest() for path in draw(tmp_path / name, "reuse")[0].iterdir()}
        for name in ("a", "b")
    )
    assert first == second
    assert {"report.html", "plotly.min.js", "latent.html", "trajectories_reuse.png"} <= set(first)
