"""Bodies that decide: strides, discounts, beliefs and fresh starts."""

import numpy as np
import pytest
import torch

from envs.body import load_body
from envs.tasks import GOAL, LINE, VELOCITY, Tasks, reward
from models.methods import make_encoder
from models.transitions import pack
from stages.decisions import DecidingBodies, Outcome, finish_episodes

TASKS = Tasks(np.array([GOAL, VELOCITY, GOAL]), np.array([3.0, -1.0, -2.0]))


@pytest.fixture
def bodies():
    torch.manual_seed(0)
    encoder = make_encoder(LINE, "gaussian", "gru", 4, 8).requires_grad_(False)
    body, rng = load_body("cheetah"), np.random.default_rng(0)
    made = DecidingBodies(body, lambda seen: 0.3 * np.sin(seen[:, :6]), encoder, 3, rng)
    made.reset(TASKS)
    return made


def test_worth_by_hand():
    rewards = np.zeros((1, 20))
    rewards[0, :3] = [-1.0, -2.0, -4.0]
    empty = np.zeros((1, 20, 2))
    outcome = Outcome(rewards, empty, empty, empty, np.array([3]), np.array([False]))
    np.testing.assert_allclose(outcome.worth(0.01)[0, :3], [-1.01, -2.02, -4.03])
    np.testing.assert_allclose(outcome.last(outcome.rewards), [-4.0])
    np.testing.assert_allclose(outcome.capped(-1.5).rewards[0, :3], [-1.0, -1.5, -1.5])


def test_each_body_takes_its_own_stride(bodies):
    outcome = bodies.decide(np.array([GOAL] * 3), np.ones(3), np.array([1, 7, 20]))
    assert outcome.stride.tolist() == [1, 7, 20]
    np.testing.assert_allclose(bodies.seconds, 0.05 * np.array([1, 7, 20]))
    np.testing.assert_array_equal(outcome.last(outcome.coordinates), bodies.coordinates())
    assert (outcome.rewards[0, 1:] == 0).all() and (outcome.rewards[2] != 0).all()


def test_what_can_fall_is_told_no_velocity_far_from_its_own():
    told, body = [], load_body("walker")

    def act(seen):
        told.append(seen[:, -1] - made.coordinates()[:, 1])
        return np.zeros((len(seen), 6))

    encoder = make_encoder(LINE, "gaussian", "gru", 4, 8).requires_grad_(False)
    made = DecidingBodies(body, act, encoder, 3, np.random.default_rng(0))
    made.reset(TASKS)
    made.decide(np.array([VELOCITY] * 3), np.array([3.0, -3.0, 0.5]), np.full(3, 2))
    np.testing.assert_allclose(np.abs(told)[:, :2], body.lead)
    assert (np.abs(told)[:, 2] < body.lead).all()


def test_what_lies_on_its_head_is_told_full_speed():
    told, body = [], load_body("cheetah")

    def act(seen):
        told.append(seen[:, -1].copy())
        return np.zeros((len(seen), 6))

    encoder = make_encoder(LINE, "gaussian", "gru", 4, 8).requires_grad_(False)
    made = DecidingBodies(body, act, encoder, 3, np.random.default_rng(0))
    made.reset(TASKS)
    made.stepper.state[:, 1 + body.joint_addresses("pitch")[0]] = [0.0, 1.0, 1.0]
    made.stepper.state[:, 1 + made.stepper.nq :] = 0.0
    made.decide(np.array([VELOCITY] * 3), np.array([-1.0, -1.0, 0.5]), np.ones(3, dtype=int))
    np.testing.assert_allclose(told, [[-1.0, -3.0, 3.0]])


def test_a_stride_is_the_same_physics_as_its_single_steps(bodies):
    start = bodies.stepper.state.copy()
    kind, amount = np.array([VELOCITY] * 3), np.ones(3)
    long = bodies.decide(kind, amount, np.full(3, 4))
    bodies.stepper.state[:] = start
    for i in range(4):
        bodies.decide(kind, amount, np.ones(3, dtype=int))
        np.testing.assert_array_equal(long.coordinates[:, i], bodies.coordinates())


def test_the_belief_sees_the_coordinates_and_reward_at_the_ends_of_decisions(bodies):
    transitions = []
    for stride in (3, 5):
        before = bodies.coordinates()
        bodies.decide(np.array([GOAL] * 3), np.ones(3), np.full(3, stride))
        after = bodies.coordinates()
        parts = (torch.tensor(part, dtype=torch.float32) for part in (before, reward(TASKS, after), after))
        transitions.append(pack(*parts))
    torch.testing.assert_close(bodies.belief.window[:, :2], torch.stack(transitions, dim=1))
    assert bodies.belief.length.tolist() == [2, 2, 2]


def test_finished_episodes_start_anew_with_an_empty_belief(bodies):
    bodies.decide(np.array([GOAL] * 3), np.ones(3), np.full(3, 2))
    ages = finish_episodes(bodies, np.array([1, 9, 10]), 10, np.random.default_rng(1))
    assert ages.tolist() == [1, 9, 0]
    assert bodies.belief.length.tolist() == [1, 1, 0]
    assert bodies.tasks.specification[:2].tolist() == TASKS.specification[:2].tolist()
    assert bodies.tasks.specification[2] != TASKS.specification[2]
    assert bodies.seconds[2] == 0.0
