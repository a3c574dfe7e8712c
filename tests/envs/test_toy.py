"""The toy's law against hand-computed values, and its randomisation."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given
from hypothesis import strategies as st

from envs.tasks import FLIP, GOAL, JUMP, LINE, POSTURE, SPACES, STAND, TOY_RANGES, VELOCITY, Space, Tasks, sample_tasks
from envs.toy import HOP, Randomisation, Toys, law
from stages.toy_practice import oracle_action


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
    np.testing.assert_allclose(law(LINE, np.array([x, v]), np.array([a])), expected, atol=1e-12)


@given(x=st.floats(-100, 100), v=st.floats(-5, 5), a=st.floats(-1, 1))
def test_law_collapses_to_a_commanded_velocity(x, v, a):
    after = law(LINE, np.array([x, v]), np.array([a]))
    np.testing.assert_allclose(after, [x + 0.5 * a, 5.0 * a], atol=1e-9)


def _toys(n=4, randomisation=None, seed=0):
    tasks = Tasks(np.resize([VELOCITY, GOAL], n), np.resize([1.5, 4.0], n))
    return Toys(tasks, np.random.default_rng(seed), randomisation)


def test_clean_toys_follow_the_law():
    toys, actions = _toys(), np.array([[0.1], [-0.5], [1.0], [0.0]])
    before = toys.coordinates.copy()
    after, _ = toys.step(actions)
    np.testing.assert_allclose(after, law(LINE, before, actions))


@given(stride=st.integers(1, 20), lag=st.floats(0.0, 0.95), a=st.floats(-1, 1))
def test_a_long_lagging_decision_is_that_many_lagging_steps(stride, lag, a):
    zero, one = np.zeros(1), np.ones(1)
    toys = _toys(1, Randomisation(np.array([stride]), np.array([lag]), zero, zero, one))
    x, v = toys.coordinates[0]
    after, _ = toys.step(np.array([[a]]))
    for _ in range(stride):
        v = lag * v + (1 - lag) * 5 * a
        x = x + 0.1 * v
    np.testing.assert_allclose(after[0], [x, v], atol=1e-9)


def test_same_seed_same_episode_whatever_the_noise():
    def episode(seed):
        rng = np.random.default_rng(seed)
        toys = _toys(8, Randomisation.sample(rng, 8, clean=0.2, noise=0.1, stride=5, lag=0.5), seed)
        return np.stack([toys.step(np.full((8, 1), 0.3))[0] for _ in range(10)])

    np.testing.assert_array_equal(episode(3), episode(3))
    assert not np.array_equal(episode(3), episode(4))


def test_noise_has_the_deviation_asked_for():
    n, zero = 20_000, np.zeros(20_000)
    toys = _toys(n, Randomisation(np.ones(n, dtype=int), zero, np.full(n, 0.1), zero, np.ones(n)))
    before = toys.coordinates.copy()
    spread = (toys.step(np.full((n, 1), 0.2))[0] - law(LINE, before, np.full((n, 1), 0.2))).std(axis=0)
    np.testing.assert_allclose(spread, 0.1, rtol=0.03)


@pytest.mark.parametrize("space", SPACES.values(), ids=lambda space: space.name)
def test_the_law_reaches_every_specification(space: Space) -> None:
    tasks = sample_tasks(np.random.default_rng(0), 500, TOY_RANGES, space)
    toys = Toys(tasks, np.random.default_rng(1))
    last = [toys.step(oracle_action(tasks, toys.coordinates))[1] for _ in range(60)][-1]
    np.testing.assert_allclose(last, 0.0, atol=1e-9)


@given(share=st.floats(0.1, 1.0))
def test_a_jump_keeps_its_speed_and_turns_round_at_floor_and_hop(share: float) -> None:
    at, heights = np.zeros(6), []
    for _ in range(50):
        at = law(POSTURE, at, np.array([0.0, share, 0.0]))
        heights.append(at[1])
        assert abs(at[4]) == pytest.approx(3.0 * share)
    assert min(heights) >= 0.0 and max(heights) <= HOP and np.ptp(heights) > 0.5 * HOP


def test_only_a_jump_has_no_backward_version() -> None:
    tasks = Tasks(np.array([VELOCITY, GOAL, STAND, JUMP, FLIP] * 2), np.array([1.0] * 5 + [-1.0] * 5), POSTURE)
    assert [tasks.base_task_names[i] for i in (3, 8)] == ["jump", "jump"]
    assert len(set(tasks.base_task_names)) == 9 == len(POSTURE.base_tasks)


@pytest.mark.parametrize("space", SPACES)
def test_gymnasium_accepts_the_toy(space: str) -> None:
    check_env(gymnasium.make("carryover/Toy-v0", space=space).unwrapped, skip_render_check=True)
