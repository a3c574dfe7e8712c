"""Commands: relative, capped, over the whole range, changed in mid-episode."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from envs.body import load_body
from envs.body_files import body_path
from envs.commands import CommandedBodies, Commands, sample_commands
from envs.tasks import GOAL, VELOCITY
from stages.configs.low_level import LowLevelConfig

CHEETAH = load_body("cheetah")


@given(amount=arrays(float, 6, elements=st.floats(-50, 50)), shift=st.floats(-1000, 1000))
def test_features_do_not_know_where_the_body_is(amount, shift):
    kind = np.array([VELOCITY, GOAL] * 3)
    here = np.zeros((6, 2))
    there = here + np.array([shift, 0.0])
    features = [Commands.relative(CHEETAH, kind, amount, at).features(at, np.zeros(6)) for at in (here, there)]
    np.testing.assert_allclose(features[0], features[1], atol=1e-9)
    assert (np.abs(features[0]) <= 3.0).all()


def test_a_goal_stays_put_while_the_body_moves():
    commands = Commands.relative(CHEETAH, np.array([GOAL]), np.array([2.0]), np.array([[5.0, 0.0]]))
    np.testing.assert_allclose(commands.remaining(np.array([[6.5, 1.0]])), [0.5])
    np.testing.assert_allclose(commands.error(np.array([[7.25, 1.0]])), [0.25])


def test_practice_covers_the_range_zero_included():
    commands = sample_commands(np.random.default_rng(0), CHEETAH, np.zeros((20_000, 2)))
    for kind in (VELOCITY, GOAL):
        amounts = commands.target[commands.kind == kind]
        assert amounts.min() < -2.95 and amounts.max() > 2.95
        assert (amounts == 0.0).mean() > 0.05
        assert np.histogram(amounts, bins=12, range=(-3, 3))[0].min() > 150


def test_commands_change_in_mid_episode_and_episodes_end():
    bodies = CommandedBodies(CHEETAH, 8, seed=0, seconds=2.0, change=0.3)
    bodies.reset()
    changed, ended = np.zeros(8, bool), np.zeros(8, bool)
    for _ in range(45):
        before = bodies.commands.target.copy()
        _, rewards, fell, timed_out, _ = bodies.step(np.zeros((8, 6)))
        changed |= (bodies.commands.target != before) & ~timed_out
        ended |= timed_out
        assert (rewards <= 0).all() and not fell.any()
    assert changed.all() and ended.all()


def test_a_fall_costs_what_is_said(tmp_path):
    path = tmp_path / "glass.toml"
    path.write_text(body_path("cheetah").read_text() + "\n[healthy]\npitch = [-0.3, 0.3]\n")
    bodies = CommandedBodies(load_body(str(path)), 8, seed=0, fall_cost=70.0)
    bodies.reset()
    rng, fallen, standing = np.random.default_rng(0), [], []
    for _ in range(100):
        _, rewards, fell, _, _ = bodies.step(rng.uniform(-1, 1, (8, bodies.stepper.nu)))
        fallen.extend(rewards[fell])
        standing.extend(rewards[~fell])
    assert fallen and min(fallen) >= -73.0 and max(fallen) <= -70.0
    assert min(standing) >= -3.0


def test_to_fall_never_pays():
    low_level = LowLevelConfig()
    assert low_level.fall_cost >= 2.0 / (1.0 - low_level.discount)  # the worst error at a velocity for ever
