"""The literature's velocity task: its speeds and its reward."""

import numpy as np

from envs.body import load_body
from envs.cheetah_vel import STEPS, TOP, SpeedPractice, effort, held_out_speeds

CHEETAH = load_body("cheetah")


def test_held_out_speeds_are_always_the_same_and_spread():
    speeds = held_out_speeds()
    np.testing.assert_array_equal(speeds, held_out_speeds())
    assert speeds.shape == (30,) and speeds.min() >= 0.0 and speeds.max() <= TOP
    assert speeds.min() < 0.5 and speeds.max() > 2.5


def test_effort_is_a_twentieth_of_the_square_of_what_the_motors_take():
    np.testing.assert_allclose(effort(np.array([[1.0, -1.0, 0.5, 0, 0, 0], [9.0, 0, 0, 0, 0, 0]])), [0.1125, 0.05])


def test_the_reward_is_the_literatures_and_a_speed_lasts_an_episode():
    bodies, rng = SpeedPractice(CHEETAH, 16, seed=3), np.random.default_rng(0)
    bodies.reset()
    changed = []
    for _ in range(STEPS + 1):
        speed, age, before = bodies.commands.target.copy(), bodies.age.copy(), bodies.stepper.coordinates()[:, 0]
        actions = rng.uniform(-2.0, 2.0, (16, 6))
        _, rewards, fell, timed_out, last = bodies.step(actions)
        stays = ~timed_out
        reached = (bodies.stepper.coordinates()[stays, 0] - before[stays]) / CHEETAH.dt
        wanted = -np.abs(reached - speed[stays]) - 0.05 * (np.clip(actions, -1, 1)[stays] ** 2).sum(axis=1)
        np.testing.assert_allclose(rewards[stays], wanted, atol=1e-9)
        np.testing.assert_allclose(last[:, -1], speed)
        assert (bodies.commands.target[stays] == speed[stays]).all() and not fell.any()
        assert (timed_out == (age + 1 == STEPS)).all()
        changed += list(np.flatnonzero(bodies.commands.target != speed))
    assert set(changed) == set(range(16))
    assert bodies.commands.target.min() >= 0.0 and bodies.commands.target.max() <= TOP
