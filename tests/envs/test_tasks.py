"""Tasks and the one reward."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.tasks import (
    GOAL,
    LINE,
    TOY_RANGES,
    VELOCITY,
    Tasks,
    reference_tasks,
    reward,
    sample_tasks,
    split_toy_tasks,
)


def test_reward_by_hand():
    tasks = Tasks(np.array([GOAL, GOAL, VELOCITY, VELOCITY]), np.array([4.0, -4.0, 2.0, -2.0]))
    at = np.array([[1.0, 9.0], [1.0, 9.0], [7.0, 1.5], [7.0, 1.5]])
    np.testing.assert_allclose(reward(tasks, at), [-0.75, -1.25, -0.25, -1.75])


@given(specification=st.floats(0.2, 25.0), sign=st.sampled_from([-1.0, 1.0]), kind=st.sampled_from([VELOCITY, GOAL]))
def test_standing_still_is_minus_one_and_being_there_is_zero(specification, sign, kind):
    tasks = Tasks(np.array([kind]), np.array([sign * specification]))
    assert reward(tasks, np.zeros((1, 2)))[0] == pytest.approx(-1.0)
    assert reward(tasks, np.full((1, 2), sign * specification))[0] == 0.0


def test_reference_tasks_are_the_twelve_of_the_protocol():
    tasks = reference_tasks({"velocity": (1.0, 2.5), "goal": (0.2, 10.0)})
    goals = sorted(tasks.specification[tasks.kind == GOAL])
    velocities = sorted(tasks.specification[tasks.kind == VELOCITY])
    np.testing.assert_allclose(goals, [-9.02, -5.1, -3.14, 3.14, 5.1, 9.02])
    np.testing.assert_allclose(velocities, [-2.35, -1.75, -1.15, 1.15, 1.75, 2.35])
    assert sorted(np.bincount(tasks.base_task)) == [3, 3, 3, 3]


@given(seed=st.integers(0, 2**32 - 1), train=st.integers(1, 40), held_out=st.integers(1, 40))
def test_split_is_disjoint_and_covers_every_base_task(seed, train, held_out):
    parts = split_toy_tasks(np.random.default_rng(seed), train, held_out)
    seen = [set(zip(part.kind.tolist(), part.specification.tolist(), strict=True)) for part in parts]
    assert not seen[0] & seen[1]
    for part, count in zip(parts, (train, held_out), strict=True):
        assert np.bincount(part.base_task, minlength=len(LINE.base_tasks)).tolist() == [count] * len(LINE.base_tasks)


@given(seed=st.integers(0, 2**32 - 1))
def test_sampled_tasks_stay_in_range_on_both_sides(seed):
    tasks = sample_tasks(np.random.default_rng(seed), 200, TOY_RANGES)
    for kind, (low, high) in ((VELOCITY, TOY_RANGES["velocity"]), (GOAL, TOY_RANGES["goal"])):
        sizes = np.abs(tasks.specification[tasks.kind == kind])
        assert ((sizes >= low) & (sizes <= high)).all()
    assert set(np.sign(tasks.specification)) == {-1.0, 1.0}
