"""The low level at a tiny size: what it writes, and that an interruption leaves no trace."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from models.controller import Controller
from stages.configs.low_level import LowLevelConfig
from stages.low_level import run

TINY = LowLevelConfig(steps=3072, bodies=8, rollout=32, minibatch=64, epochs=1, width=8, checkpoint_every=3)


class Interrupted(Exception):
    """Stands for a kill between two updates."""


def _digests(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir()) if p.is_file()}


def _folder(tmp_path: Path, name: str) -> Path:
    (tmp_path / name).mkdir()
    return tmp_path / name


def test_interrupted_and_resumed_is_the_same_as_straight(tmp_path):
    straight, resumed = _folder(tmp_path, "straight"), _folder(tmp_path, "resumed")
    metrics = run(TINY, {}, straight, lambda fraction, **_: None)
    calls = []

    def interrupt(fraction: float, **_: float) -> None:
        calls.append(fraction)
        if len(calls) == 8:
            raise Interrupted

    with pytest.raises(Interrupted):
        run(TINY, {}, resumed, interrupt)
    seen_before = len(calls)
    assert run(TINY, {}, resumed, interrupt) == metrics
    assert _digests(resumed) == _digests(straight)
    assert len(calls) - seen_before < 12  # it did not begin at the beginning


def test_the_controller_loads_and_acts_within_bounds(tmp_path):
    out = _folder(tmp_path, "out")
    run(TINY, {}, out, lambda fraction, **_: None)
    controller = Controller.load(out)
    actions = controller.act(np.random.default_rng(0).normal(0, 5, (50, controller.sizes["observations"])))
    assert actions.shape == (50, 6) and (np.abs(actions) <= 1.0).all()
    assert not any(parameter.requires_grad for parameter in controller.parameters())


def test_another_seed_is_another_controller(tmp_path):
    first, second = _folder(tmp_path, "first"), _folder(tmp_path, "second")
    run(TINY, {}, first, lambda fraction, **_: None)
    run(TINY.model_copy(update={"seed": 1}), {}, second, lambda fraction, **_: None)
    weights = [Controller.load(folder).state_dict()["net.0.weight"] for folder in (first, second)]
    assert not torch.equal(*weights)
