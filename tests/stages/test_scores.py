"""Scores by the evaluation protocol, by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import trim_mean

from envs.tasks import GOAL, VELOCITY, Tasks
from stages.scores import aggregate, decisions_to_identify, episode_errors, mean_speed_errors, specification_r2

TASKS = Tasks(np.array([GOAL, VELOCITY]), np.array([4.0, -2.0]))
STANDING = np.zeros((100, 2, 2))
NEVER = np.zeros((100, 2), dtype=bool)


def test_standing_still_scores_one_and_being_there_zero():
    np.testing.assert_allclose(episode_errors(TASKS, STANDING, NEVER).settled, 1.0)
    there = STANDING + np.array([[4.0, 0.0], [0.0, -2.0]])
    errors = episode_errors(TASKS, there, NEVER)
    for values in (errors.settled, errors.raw, errors.whole):
        np.testing.assert_allclose(values, 0.0, atol=1e-12)


def test_only_the_second_half_settles():
    late = STANDING.copy()
    late[50:, 0, 0], late[50:, 1, 1] = 4.0, -2.0
    errors = episode_errors(TASKS, late, NEVER)
    np.testing.assert_allclose(errors.raw, 0.0)
    np.testing.assert_allclose(errors.whole, 0.5)
    assert (errors.settled > 0.0).all()  # smoothing lets the switch reach over


def test_errors_are_cut_at_two():
    np.testing.assert_allclose(episode_errors(TASKS, STANDING + 1e6, NEVER).settled, 2.0)


def test_after_a_fall_every_decision_counts_at_least_one():
    there = STANDING + np.array([[4.0, 0.0], [0.0, -2.0]])
    fallen = NEVER.copy()
    fallen[75:, 0] = True
    errors = episode_errors(TASKS, there, fallen)
    np.testing.assert_allclose(errors.raw, [0.5, 0.0])
    there[80:, 0] = np.nan
    np.testing.assert_allclose(episode_errors(TASKS, there, fallen).raw, [(5 + 20 * 2) / 50, 0.0])


def test_smoothing_takes_out_a_sway_but_not_an_offset():
    sway = STANDING.copy()
    sway[:, 1, 1] = -2.2 + 0.5 * (-1.0) ** np.arange(100)
    errors = episode_errors(TASKS, sway, NEVER)
    assert errors.settled[1] == pytest.approx(0.1, abs=0.01)
    assert errors.raw[1] == pytest.approx(0.25, abs=1e-9)


def test_decisions_to_identify():
    right = np.array([[0, 1, 0], [1, 1, 0], [0, 1, 0], [1, 1, 0]], dtype=bool)
    assert decisions_to_identify(right).tolist() == [4, 1, 5]


def test_r2_by_hand():
    tasks = Tasks(np.array([GOAL] * 3), np.array([1.0, 2.0, 3.0]))
    assert specification_r2(tasks, tasks.specification) == 1.0
    assert specification_r2(tasks, np.full(3, 2.0)) == pytest.approx(0.0)


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(4, 60))
def test_the_interval_holds_the_interquartile_mean(seed, n):
    values = np.random.default_rng(seed).random(n)
    result = aggregate(values, resamples=200)
    assert result["iqm"] == pytest.approx(trim_mean(values, 0.25))
    assert result["low"] <= result["iqm"] <= result["high"]
    assert result["low"] >= 0.0 and result["high"] <= 1.0


def test_the_mean_speed_is_not_flattered_by_when_it_is_read():
    seconds = np.tile(np.arange(1.0, 101.0)[:, None], (1, 2))
    ways = STANDING[..., :1].copy()
    ways[:, 1, 0] = -1.5 * seconds[:, 1]  # m, so much it moves; how fast it is at the ends of decisions does not count
    errors = mean_speed_errors(TASKS, ways, seconds, NEVER)
    assert np.isnan(errors[0])  # a goal asks for no speed
    np.testing.assert_allclose(errors[1], 0.25)
    fallen = NEVER.copy()
    fallen[90:] = True
    np.testing.assert_allclose(mean_speed_errors(TASKS, ways, seconds, fallen)[1], 1.0)
