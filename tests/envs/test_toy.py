"""The toy's law against hand-computed values, and its randomisation."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given
from hypothesis import strategies as st

from envs.tasks import GOAL, VELOCITY, Tasks
from envs.toy import Randomisation, Toys, law


@pytest.mark.parametrize(
    ("x", "v", "a", "expected"),
    [
        (0.0, 0.0, 0.4, (0.2, 2.0)),
        (3.0, -1.7, 1.0, (3.5, 5.0)),
        (3.0, 5.0, -1.0, (2.5, -5.0)),
        (-2.0, 0.3, 0.0, (-2.0, 0.0)),
        (1.0, 0.0, 7.0, (1.5, 5.0)),  # actions are cut at 1
    ],
)
def test_law_by_hand(x, v, a, expected):
    np.testing.assert_allclose(law(np.array([x, v]), np.array(a)), expected, atol=1e-12)


@given(x=st.floats(-100, 100), v=st.floats(-5, 5), a=st.floats(-1, 1))
def test_law_collapses_to_a_commanded_velocity(x, v, a):
    after = law(np.array([x, v]), np.array(a))
    np.testing.assert_allclose(after, [x + 0.5 * a, 5.0 * a], atol=1e-9)


def _toys(n=4, randomisation=None, seed=0):
    tasks = Tasks(np.resize([VELOCITY, GOAL], n), np.resize([1.5, 4.0], n))
    return Toys(tasks, np.random.default_rng(seed), randomisation)


def test_clean_toys_follow_the_law():
    toys, actions = _toys(), np.array([0.1, -0.5, 1.0, 0.0])
    before = toys.coordinates.copy()
    after, _ = toys.step(actions)
    np.testing.assert_allclose(after, law(before, actions))


@given(stride=st.integers(1, 20), lag=st.floats(0.0, 0.95), a=st.floats(-1, 1))
def test_a_long_lagging_decision_is_that_many_lagging_steps(stride, lag, a):
    zero, one = np.zeros(1), np.ones(1)
    toys = _toys(1, Randomisation(np.array([stride]), np.array([lag]), zero, zero, one))
    x, v = toys.coordinates[0]
    after, _ = toys.step(np.array([a]))
    for _ in range(stride):
        v = lag * v + (1 - lag) * 5 * a
        x = x + 0.1 * v
    np.testing.assert_allclose(after[0], [x, v], atol=1e-9)


def test_same_seed_same_episode_whatever_the_noise():
    def episode(seed):
        rng = np.random.default_rng(seed)
        toys = _toys(8, Randomisation.sample(rng, 8, clean=0.2, noise=0.1, stride=5, lag=0.5), seed)
        return np.stack([toys.step(np.full(8, 0.3))[0] for _ in range(10)])

    np.testing.assert_array_equal(episode(3), episode(3))
    assert not np.array_equal(episode(3), episode(4))


def test_noise_has_the_deviation_asked_for():
    n, zero = 20_000, np.zeros(20_000)
    toys = _toys(n, Randomisation(np.ones(n, dtype=int), zero, np.full(n, 0.1), zero, np.ones(n)))
    before = toys.coordinates.copy()
    spread = (toys.step(np.full(n, 0.2))[0] - law(before, np.full(n, 0.2))).std(axis=0)
    np.testing.assert_allclose(spread, 0.1, rtol=0.03)


def test_gymnasium_accepts_the_toy():
    check_env(gymnasium.make("carryover/Toy-v0").unwrapped, skip_render_check=True)
