"""The literature's velocity task, on a toy and a low level of the tiny profile."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from envs.cheetah_vel import held_out_speeds
from models.controller import Controller
from stages.cheetah_vel import CONTROLS, run
from stages.configs.cheetah_vel import CheetahVelConfig
from stages.contract import Artifact
from stages.docs import page_of
from stages.plan import Node, Settings, configure
from stages.runner import materialise
from stages.store import Store
from stages.store.artifacts import list_files

TINY = Settings(profile="tiny")
CONFIG = CheetahVelConfig.model_validate(configure(Node("cheetah_vel"), TINY).model_dump() | {"checkpoint_every": 1})


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Artifact]:
    """A toy and a low level, stored."""
    store = Store(tmp_path_factory.mktemp("cheetah_vel"))
    return {
        name: materialise(Node(name), TINY, lambda _: None, store).artifact for name in ("toy_inference", "low_level")
    }


def _folder(tmp_path: Path, name: str) -> Path:
    (tmp_path / name).mkdir()
    return tmp_path / name


def _bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def test_every_control_meets_every_speed_and_the_files_are_those_of_the_page(
    inputs: Mapping[str, Artifact], tmp_path: Path
) -> None:
    out = _folder(tmp_path, "out")
    metrics = run(CONFIG, inputs, out, lambda fraction, **_: None)
    written = Artifact("cheetah_vel", "", "", out)
    episodes, controls = written.table("episodes.parquet"), written.json("controls.json")
    assert set(controls) == set(CONTROLS) and metrics == {
        f"{control}_return": controls[control]["return"]["mean"] for control in CONTROLS
    }
    for control in CONTROLS:
        own = episodes[episodes.control == control]
        np.testing.assert_array_equal(own.speed, held_out_speeds())
        np.testing.assert_allclose(own["return"], -own.error - own.effort)
        assert controls[control]["return"]["mean"] == own["return"].mean()
    assert (episodes[episodes.control == "oracle"].belief_error == 0.0).all()
    assert episodes[episodes.control == "no_inference"].belief_error.max() > 1.0
    page = page_of("cheetah_vel").read_text(encoding="utf-8")
    visible = [Path(name).name for name in list_files(out)]
    assert visible and all(f"`{name}`" in page for name in visible)


def test_practice_changes_the_gait_and_an_interruption_leaves_no_trace(
    inputs: Mapping[str, Artifact], tmp_path: Path
) -> None:
    straight, resumed = _folder(tmp_path, "straight"), _folder(tmp_path, "resumed")
    run(CONFIG, inputs, straight, lambda fraction, **_: None)

    class Interrupted(Exception):
        """Stands for a kill between two updates."""

    seen: list[float] = []

    def interrupt(fraction: float, **_: float) -> None:
        seen.append(fraction)
        if len(seen) == 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        run(CONFIG, inputs, resumed, interrupt)
    run(CONFIG, inputs, resumed, interrupt)
    assert seen[2] > seen[0]  # it did not begin at the beginning
    assert _bytes(resumed) == _bytes(straight)
    observations = np.random.default_rng(0).normal(0.0, 1.0, (20, 18))
    gaits = [Controller.load(folder).act(observations) for folder in (straight, inputs["low_level"].folder)]
    assert np.abs(gaits[0] - gaits[1]).max() > 1e-4
