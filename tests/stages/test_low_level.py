"""The low level at a tiny size: what it writes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from models.controller import Controller
from stages.configs.low_level import LowLevelConfig
from stages.low_level import run

TINY = LowLevelConfig(steps=3072, bodies=8, rollout=32, minibatch=64, epochs=1, width=8, checkpoint_every=3)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one training."""
    return _trained(TINY, tmp_path_factory.mktemp("made"))


def _trained(config: LowLevelConfig, folder: Path) -> Path:
    run(config, {}, folder, lambda fraction, **_: None)
    return folder


def test_the_controller_loads_and_acts_within_bounds(made: Path):
    controller = Controller.load(made)
    actions = controller.act(np.random.default_rng(0).normal(0, 5, (50, controller.sizes["observations"])))
    assert actions.shape == (50, 6) and (np.abs(actions) <= 1.0).all()
    assert not any(parameter.requires_grad for parameter in controller.parameters())


def test_each_skill_is_the_network_that_its_flag_calls_for(tmp_path: Path):
    posture = TINY.model_copy(update={"tasks": "all", "steps": 512, "skill_steps": 512})
    controller = Controller.load(_trained(posture, tmp_path))
    first, *others = [_alone(controller, f"others.{i}." if i >= 0 else "") for i in range(-1, 5)]
    observations = np.random.default_rng(0).normal(0, 1, (20, controller.sizes["observations"]))
    observations[:, -10::2] = 0.0
    np.testing.assert_allclose(controller.act(observations), first.act(observations), atol=1e-6)
    for place, other in enumerate(others):
        asked = observations.copy()
        asked[:, -10 + 2 * place] = 1.0
        np.testing.assert_allclose(controller.act(asked), other.act(asked), atol=1e-6)
        assert np.abs(controller.act(asked) - first.act(asked)).max() > 0.01
    curve = pd.read_parquet(tmp_path / "learning_curve.parquet")
    assert {"goal_error", "stand_error", "jump_error", "flip_error"} <= set(curve.columns)
    steps = curve["step"].to_numpy()
    assert (np.diff(steps) > 0).all() and steps[-1] == 6 * 512


@pytest.mark.parametrize("only", [None, 2.0])
def test_the_ground_is_that_of_a_body_asked_for_nothing_else(made: Path, tmp_path: Path, only: float | None):
    usual = TINY.model_copy(update={"only": only})
    plain = Controller.load(_trained(usual, tmp_path) if only else made)
    (tmp_path / "all").mkdir()
    every = Controller.load(_trained(usual.model_copy(update={"tasks": "all", "skill_steps": 512}), tmp_path / "all"))
    seen = np.random.default_rng(0).normal(0, 1, (20, every.sizes["observations"]))
    seen[:, -10::2] = 0.0
    np.testing.assert_allclose(every.act(seen), plain.act(seen[:, :-10]), atol=1e-6)


def _alone(controller: Controller, prefix: str) -> Controller:
    """One network of several as a controller of its own."""
    alone = Controller(*(controller.sizes[name] for name in ("observations", "actions", "width")))
    alone.load_state_dict({name: controller.state_dict()[prefix + name] for name in alone.state_dict()})
    return alone


def test_of_several_beginnings_one_goes_on_as_if_it_had_been_alone(made: Path, tmp_path: Path):
    three = TINY.model_copy(update={"beginnings": 3, "beginning": 0.3})
    _trained(three, tmp_path)
    alone = [made]
    for seed in (1, 2):
        alone.append(tmp_path / str(seed))
        alone[-1].mkdir()
        _trained(TINY.model_copy(update={"seed": seed}), alone[-1])
    curves = [pd.read_parquet(folder / "learning_curve.parquet") for folder in (*alone, tmp_path)]
    early = [curve[curve["step"].shift(fill_value=0) < 0.3 * TINY.steps] for curve in curves[:3]]
    badness = [(rows["goal_error"] + rows["velocity_error"] + 5 * rows["fall_rate"]).mean() for rows in early]
    best = int(np.argmin(badness))
    pd.testing.assert_frame_equal(curves[best], curves[3])
    weights = [(folder / "controller.safetensors").read_bytes() for folder in (alone[best], tmp_path)]
    assert weights[0] == weights[1] and len(set(badness)) == 3


def test_another_seed_is_another_controller(made: Path, tmp_path: Path):
    other = _trained(TINY.model_copy(update={"seed": 1}), tmp_path)
    weights = [Controller.load(folder).state_dict()["net.0.weight"] for folder in (made, other)]
    assert not torch.equal(*weights)
