"""What a toy's training is made of: draws of tasks, contexts made of others, gradients that do not contradict."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from envs.tasks import SPACES, split_toy_tasks
from models.toy_agent import ToyAgent
from stages.configs.toy_inference import ToyInferenceConfig
from stages.pcgrad import add_projected
from stages.toy_augmented import imagined, permuted
from stages.toy_draws import TaskDraws
from stages.toy_practice import Practice, practise

CONFIG = ToyInferenceConfig(switch=0.5)


@pytest.fixture(scope="module")
def agent() -> ToyAgent:
    torch.manual_seed(0)
    return ToyAgent("line", 4, 8, 8, "gaussian", "gru").requires_grad_(False)


@pytest.fixture(scope="module")
def practice(agent: ToyAgent) -> Practice:
    rng = np.random.default_rng(0)
    train, _ = split_toy_tasks(rng, 20, 10, SPACES["line"])
    return practise(rng, TaskDraws(train, worst=0.0), agent, CONFIG, 40)


def test_tasks_that_go_badly_come_more_often():
    rng = np.random.default_rng(0)
    train, _ = split_toy_tasks(rng, 20, 10, SPACES["line"])
    draws = TaskDraws(train, worst=0.5)
    for _ in range(100):
        draws.note(np.arange(len(train)), np.where(np.arange(len(train)) == 7, 10.0, 0.01))
    share = (draws.draw(rng, 4000) == 7).mean()
    assert 0.4 < share < 0.55
    assert (TaskDraws(train, worst=0.0).draw(rng, 4000) == 7).mean() < 0.05


def test_a_shuffled_context_holds_the_same_transitions(practice: Practice):
    shuffled = permuted(practice, 1.0, np.random.default_rng(0))
    both = [torch.cat([p.transitions, p.actions], dim=-1) for p in (practice, shuffled)]
    moved = (both[0] != both[1]).flatten(1).any(dim=1)
    assert torch.equal(moved, practice.since == 0)
    for before, after in zip(both[0][moved], both[1][moved], strict=True):
        assert sorted(before.tolist()) == sorted(after.tolist())


def test_an_imagined_context_follows_the_decoder(practice: Practice, agent: ToyAgent):
    told = imagined(practice, agent, 1.0, np.random.default_rng(0))
    changed = (told.transitions != practice.transitions).flatten(1).any(dim=1)
    assert torch.equal(changed, practice.since == 0)
    now, after = told.transitions[changed, :, :2], told.transitions[changed, :, 3:]
    torch.testing.assert_close(agent.decoder.next_state(now, told.actions[changed]), after)
    torch.testing.assert_close(now[:, 1:], after[:, :-1])
    same = replace(told, transitions=practice.transitions)
    assert torch.equal(same.transitions[~changed], told.transitions[~changed])


def test_gradients_that_agree_are_averaged_and_contradictions_given_up():
    parameter = torch.nn.Parameter(torch.zeros(2))
    for directions, expected in (
        ([[1.0, 0.0], [0.0, 1.0]], [0.5, 0.5]),
        ([[1.0, 0.0], [-1.0, 1.0]], [0.25, 0.75]),
    ):
        parameter.grad = None
        losses = [(parameter * torch.tensor(direction)).sum() for direction in directions]
        add_projected(losses, [parameter], np.random.default_rng(0))
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, torch.tensor(expected))
