"""What the retrained policy learns from decisions."""

import numpy as np
import pytest
import torch

from envs.body import load_body
from envs.tasks import LINE
from models.controller import Controller
from models.deciders import LONGEST_STRIDE
from models.methods import make_encoder
from stages.configs.high_level import HighLevelConfig
from stages.decisions import DecidingBodies
from stages.high_level import Batch, Learner

N, LATENT, TAKEN = 64, 4, 12


def _learner(passed_strides: bool) -> Learner:
    torch.manual_seed(0)
    config = HighLevelConfig(
        body="cheetah", passed_strides=passed_strides, guidance=0.0, entropy=0.0, minibatch=N, width=16
    )
    body, encoder = load_body("cheetah"), make_encoder(LINE, "gaussian", "gru", LATENT, 8).requires_grad_(False)
    controller = Controller(18, 6, 8)
    return Learner(
        config, controller, LATENT, DecidingBodies(body, controller.act, encoder, 2, np.random.default_rng(0))
    )


def _decisions(learner: Learner, best: int) -> Batch:
    """Decisions alike, of strides of ``TAKEN`` steps and no advantage on average, where ``best`` would have gained."""
    features, told = torch.zeros(N, learner.policy.inputs), torch.zeros(N, dtype=torch.long)
    passed = (torch.arange(1, LONGEST_STRIDE + 1) <= TAKEN).expand(N, -1)
    gain = torch.zeros(N, LONGEST_STRIDE)
    gain[:, best - 1] = 1.0
    zero, noise = torch.zeros(N), torch.randn(N)
    taken = torch.full((N,), TAKEN - 1)
    return Batch(
        features, torch.zeros(N, 4), told, zero, told, zero, taken, zero, noise - noise.mean(), zero, passed, gain
    )


def _chances(learner: Learner) -> torch.Tensor:
    with torch.no_grad():
        return learner.policy(torch.zeros(1, learner.policy.inputs))[2].softmax(dim=-1)[0]


@pytest.mark.parametrize("best", [1, 5, 12])
def test_a_decision_teaches_the_strides_that_it_passed(best: int) -> None:
    learner = _learner(passed_strides=True)
    before = _chances(learner)
    for _ in range(40):
        learner.learn(_decisions(learner, best), 1.0)
    after = _chances(learner)
    assert after[:TAKEN].argmax() == best - 1 and after[best - 1] > 2.0 * before[best - 1]


def test_or_the_one_alone_that_it_took() -> None:
    learner = _learner(passed_strides=False)
    before = _chances(learner)
    for _ in range(40):
        learner.learn(_decisions(learner, 5), 1.0)
    assert _chances(learner)[4] < 1.5 * before[4]
