"""The low level at a tiny size: what it writes."""

from pathlib import Path

import numpy as np
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


def test_another_seed_is_another_controller(made: Path, tmp_path: Path):
    other = _trained(TINY.model_copy(update={"seed": 1}), tmp_path)
    weights = [Controller.load(folder).state_dict()["net.0.weight"] for folder in (made, other)]
    assert not torch.equal(*weights)
