"""Strides are learnt from every sub-stride of every decision, whoever gives the commands."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.deciders import LONGEST_STRIDE, Decider, HighLevelPolicy, StridePredictor
from models.toy_agent import ToyAgent
from stages.configs.high_level import HighLevelConfig
from stages.configs.striding import StridingConfig
from stages.decisions import WORST_REWARD
from stages.strides import Learner

_OBSERVATIONS, _WIDTH = 3, 16
_LENGTHS = np.arange(1, LONGEST_STRIDE + 1)


@pytest.fixture(params=["reuse", "retrain"])
def decider(request: pytest.FixtureRequest) -> Decider:
    torch.manual_seed(0)
    toy = ToyAgent("line", 8, _WIDTH, _WIDTH, "gaussian", "gru").requires_grad_(False)
    predictor = StridePredictor("line", _OBSERVATIONS, _WIDTH)
    if request.param == "reuse":
        return Decider.reuse(toy, predictor)
    return Decider.retrain(
        toy, HighLevelPolicy("line", _OBSERVATIONS, toy.encoder.latent, _WIDTH, (3.0, 3.0)), predictor
    )


def _learnt(decider: Decider, worth: np.ndarray, fell: bool, taken: int = LONGEST_STRIDE) -> torch.Tensor:
    """Values (20,) after decisions of ``taken`` control steps, worth that much (20,), anywhere."""
    config = StridingConfig(updates=600, minibatch=32, discount=0.5, width=_WIDTH, replay=64)
    learner, n = Learner(config, decider), 64
    inputs = torch.randn(n, decider.predictor.inputs)
    alive = torch.ones(n, LONGEST_STRIDE)
    alive[:, taken - 1] = float(not fell)
    following = torch.randn(n, LONGEST_STRIDE, decider.predictor.inputs)
    worths = torch.as_tensor(worth, dtype=torch.float32).expand(n, -1)
    learner.replay.add(inputs, worths, following, alive, torch.full((n,), taken))
    learner.learn(np.random.default_rng(0))
    with torch.no_grad():
        return decider.predictor(inputs).mean(dim=0)


def test_a_long_stride_teaches_the_shorter_ones_that_it_passed(decider: Decider) -> None:
    values = _learnt(decider, -0.1 * np.abs(_LENGTHS - 7.0), fell=False)
    assert int(values.argmax()) + 1 == 7


def test_the_step_at_which_a_body_falls_is_worth_the_worst(decider: Decider) -> None:
    values = _learnt(decider, np.full(LONGEST_STRIDE, -1.0), fell=True, taken=9)
    assert values[8] < values[:8].min() - 0.2
    assert values[8] == pytest.approx(0.5 * -1.0 + 0.5 * WORST_REWARD, abs=0.1)


def test_a_retrained_policy_learns_strides_as_a_reused_one_does() -> None:
    config = HighLevelConfig(seed=3, body="walker", rounds=7, stride_discount=0.6, step_price=0.01)
    wanted = StridingConfig(seed=3, body="walker", rounds=7, discount=0.6, step_price=0.01)
    assert config.striding == wanted
