"""Commands: relative, capped, over the whole range, changed in mid-episode."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from envs.body import load_body
from envs.body_files import body_path
from envs.commands import Commands, low_level_observation
from envs.practice import CommandedBodies, Practice, sample_commands, skills
from envs.stepper import Stepper
from envs.tasks import FLIP, GOAL, STAND, VELOCITY, Tasks, reward
from stages.configs.low_level import LowLevelConfig

OTHERS = ("stand forward", "stand backward", "jump", "flip forward", "flip backward")
CHEETAH, POSTURE = load_body("cheetah"), load_body("cheetah", "all")


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


@given(asked=st.floats(-3, 3), speed=st.floats(-5, 5), kind=st.sampled_from([VELOCITY, GOAL]))
def test_what_falls_is_told_no_velocity_far_from_its_own(asked, speed, kind):
    walker, here = load_body("walker"), np.array([[0.0, speed]])
    commands = Commands.relative(walker, np.array([kind]), np.array([asked]), here)
    wanted, told = commands.wanted(here).item(), commands.features(here, np.zeros(1), walker.lead).item()
    assert told == wanted or abs(told - speed) == pytest.approx(walker.lead)
    assert min(speed, wanted) - 1e-9 <= told <= max(speed, wanted) + 1e-9


def test_in_the_plane_the_lead_is_that_of_the_whole_velocity():
    ant, here = load_body("ant"), np.array([[0.0, 0.0, 0.0, 2.0]])
    told = Commands.relative(ant, np.array([VELOCITY]), np.array([2.0]), here).features(here, np.zeros(1), 1.0)[0]
    np.testing.assert_allclose(told, np.array([0.0, 2.0]) + np.array([1.0, -1.0]) / np.sqrt(2.0))


def test_practice_covers_the_range_zero_included():
    commands = sample_commands(np.random.default_rng(0), CHEETAH, np.zeros((20_000, 2)))
    for kind in (VELOCITY, GOAL):
        amounts = commands.target[commands.kind == kind]
        assert amounts.min() < -2.95 and amounts.max() > 2.95
        assert (amounts == 0.0).mean() > 0.05
        assert np.histogram(amounts, bins=12, range=(-3, 3))[0].min() > 150


def test_commands_change_in_mid_episode_and_episodes_end():
    bodies = CommandedBodies(CHEETAH, 8, 0, Practice(seconds=2.0, change=0.3, fall_cost=100.0))
    bodies.reset()
    changed, ended = np.zeros(8, bool), np.zeros(8, bool)
    for _ in range(45):
        before = bodies.commands.target.copy()
        _, rewards, fell, timed_out, _ = bodies.step(np.zeros((8, 6)))
        changed |= (bodies.commands.target != before) & ~timed_out
        ended |= timed_out
        assert (rewards <= 0).all() and not fell.any()
    assert changed.all() and ended.all()


def test_commands_change_more_often_in_a_restless_beginning():
    restless = Practice(seconds=2.0, change=100.0, fall_cost=100.0, restless=10.0)
    bodies = CommandedBodies(CHEETAH, 64, 0, restless)
    bodies.reset()
    early, late = [], []
    for _ in range(80):
        before, young = bodies.commands.target.copy(), bodies.age * CHEETAH.dt < 0.45
        bodies.step(np.zeros((64, 6)))
        here = bodies.age > 0
        changed = bodies.commands.target != before
        early.extend(changed[young & here])
        late.extend(changed[~young & here])
    assert 0.3 < np.mean(early) < 0.6 and np.mean(late) < 0.05


def test_a_skill_is_asked_for_its_own_kinds_alone():
    [ground] = skills(CHEETAH)
    assert ground.kinds.tolist() == [VELOCITY, GOAL]
    ground, *others = skills(POSTURE)
    assert ground.kinds.tolist() == [VELOCITY, GOAL]
    assert [skill.name for skill in others] == [name for name in POSTURE.space.base_tasks if name in OTHERS]
    at = np.random.default_rng(0).normal(0.0, 5.0, (200, 6))  # whatever turns have been made
    for place, skill in enumerate(others):
        commands = sample_commands(np.random.default_rng(0), POSTURE, at, skill)
        flags = commands.features(at, np.zeros(200))[:, 1::2]
        assert set(commands.kind) == set(skill.kinds)
        assert (flags.argmax(axis=1) == place).all() and (flags.sum(axis=1) == 1.0).all()


@pytest.mark.parametrize("most", [6.0, 1.0])
def test_a_share_of_the_episodes_begins_tumbled_and_turning(most: float):
    practice = Practice(seconds=10.0, change=3.0, fall_cost=0.0, tumbled=0.25, turning=most)
    bodies = CommandedBodies(CHEETAH, 2000, 0, practice)
    bodies.reset()
    pitch, rate = (1 + address for address in CHEETAH.joint_addresses("pitch"))
    turned = np.abs(bodies.stepper.state[:, pitch]) > 3 * CHEETAH.reset_noise
    turning = bodies.stepper.state[turned, bodies.stepper.nq + rate]
    assert 0.2 < turned.mean() < 0.25  # those left out are turned by next to nothing
    assert np.abs(bodies.stepper.state[turned, pitch]).max() > 3.0
    assert 0.8 * most < -turning.min() < 1.6 * most and 0.8 * most < turning.max() < 1.6 * most  # and the usual noise


@pytest.mark.parametrize(("speeds", "slow"), [(0.5, 1 / 9), (1.0, 1 / 3)])
def test_slow_speeds_are_practised_as_often_as_is_said(speeds: float, slow: float):
    commands = sample_commands(np.random.default_rng(0), CHEETAH, np.zeros((20_000, 2)), speeds=speeds)
    asked = np.abs(commands.target[(commands.kind == VELOCITY) & (commands.target != 0.0)])
    assert (asked < 1.0).mean() == pytest.approx(slow, abs=0.02)  # of 3 m/s


def test_the_edge_of_the_healthy_range_costs_what_is_said():
    body, practice = load_body("hopper"), Practice(seconds=10.0, change=100.0, fall_cost=0.0)
    assert body.healthy is not None and body.healthy.pitch is not None
    column, edge = 1 + body.joint_addresses("pitch")[0], body.healthy.pitch[1]
    earned: list[np.ndarray] = []
    for cost in (0.0, 2.0):
        bodies = CommandedBodies(body, 3, 0, replace(practice, edge_cost=cost))
        bodies.reset()
        bodies.stepper.state[:, column] = [0.5 * edge, 0.8 * edge, -0.8 * edge]
        bodies.stepper.state[:, 1 + bodies.stepper.nq :] = 0.0
        earned.append(bodies.step(np.zeros((3, bodies.stepper.nu)))[1])
        leaning = bodies.stepper.state[:, column] / edge  # its range is as far back as forward
    missed = 2.0 * np.clip((np.abs(leaning) - 0.6) / 0.4, 0.0, 1.0)
    assert np.allclose(earned[0] - earned[1], missed) and missed[0] == 0.0 and missed[1:].min() > 0.5


def test_a_step_upside_down_costs_what_is_said():
    practice, earned = Practice(seconds=10.0, change=100.0, fall_cost=0.0), list[np.ndarray]()
    for cost in (0.0, 0.3):
        bodies = CommandedBodies(CHEETAH, 4, 0, replace(practice, overturned_cost=cost))
        bodies.reset()
        bodies.stepper.state[:, 1 + CHEETAH.joint_addresses("pitch")[0]] = [0.0, 1.0, -2.5, 3.0 + 4.0 * np.pi]
        earned.append(bodies.step(np.zeros((4, bodies.stepper.nu)))[1])
    assert np.allclose(earned[0] - earned[1], [0.0, 0.0, 0.3, 0.3])
    assert not Stepper(load_body("ant"), 2).overturned().any()  # which has no pitch to tell it


def test_tumbled_episodes_may_begin_mostly_at_rest():
    pitch, rate = (1 + address for address in CHEETAH.joint_addresses("pitch"))
    begun: list[np.ndarray] = []
    for calm in (0, 1):
        practice = Practice(seconds=10.0, change=3.0, fall_cost=0.0, tumbled=1.0, turning=6.0, calm=calm)
        bodies = CommandedBodies(CHEETAH, 2000, 0, practice)
        bodies.reset()
        begun.append(np.abs(bodies.stepper.state[:, bodies.stepper.nq + rate]))
        assert np.abs(bodies.stepper.state[:, pitch]).max() > 3.0
    evenly, calmly = (np.median(rates) for rates in begun)
    assert 2.8 < evenly < 3.2 and 0.6 < calmly < 0.9 and 5.0 < begun[1].max() < 6.01  # 6 / 2, and 6 / 2 cubed


def test_a_fall_costs_what_is_said(tmp_path):
    path = tmp_path / "glass.toml"
    path.write_text(body_path("cheetah").read_text() + "\n[healthy]\npitch = [-0.3, 0.3]\n")
    bodies = CommandedBodies(load_body(str(path)), 8, 0, Practice(seconds=10.0, change=3.0, fall_cost=70.0))
    bodies.reset()
    rng, fallen, standing = np.random.default_rng(0), [], []
    for _ in range(100):
        _, rewards, fell, _, _ = bodies.step(rng.uniform(-1, 1, (8, bodies.stepper.nu)))
        fallen.extend(rewards[fell])
        standing.extend(rewards[~fell])
    assert fallen and min(fallen) >= -73.0 and max(fallen) <= -70.0
    assert min(standing) >= -3.0


def test_one_velocity_can_be_practised_alone():
    bodies = CommandedBodies(CHEETAH, 50, 0, Practice(seconds=1.0, change=0.5, fall_cost=0.0, only=-2.0))
    bodies.reset()
    for _ in range(30):
        bodies.step(np.zeros((50, CHEETAH.model.nu)))
    assert (bodies.commands.kind == VELOCITY).all() and (bodies.commands.target == -2.0).all()


@given(turns=st.integers(-20, 20), pitch=st.floats(-1.5, 1.5), amount=st.floats(-3, 3))
def test_a_turn_makes_no_difference_to_a_stand(turns, pitch, amount):
    asked, here = [], np.zeros((1, len(POSTURE.space.coordinates)))
    for angle in (pitch, pitch + 2 * np.pi * turns):
        here[0, POSTURE.space.coordinates.index("pitch")] = angle
        commands = Commands.relative(POSTURE, np.array([STAND]), np.array([amount]), here)
        asked.append([commands.remaining(here)[0], commands.error(here)[0]])
    np.testing.assert_allclose(asked[0], asked[1], atol=1e-9)
    assert abs(pitch + asked[0][0]) <= POSTURE.command_limits[STAND] + 1e-9


def test_a_turn_makes_no_difference_to_what_a_stand_earns():
    stepper = Stepper(POSTURE, 2)
    pitch = 1 + POSTURE.joint_addresses("pitch")[0]
    stepper.state[:, pitch] = 1.5, 1.5 + 4 * np.pi
    earned = reward(Tasks(np.array([STAND, STAND]), np.full(2, 1.5), POSTURE.space), stepper.coordinates())
    np.testing.assert_allclose(earned, 0.0, atol=1e-9)
    place = POSTURE.space.positions.index("pitch")
    np.testing.assert_allclose(stepper.ways()[:, place], [1.5, 1.5 + 4 * np.pi])
    np.testing.assert_allclose(stepper.ways()[:, 0], stepper.coordinates()[:, 0])


def test_a_turn_makes_no_difference_to_what_is_seen():
    stepper = Stepper(POSTURE, 2)
    pitch = 1 + POSTURE.joint_addresses("pitch")[0]
    stepper.state[:, pitch] = 2.0, 2.0 - 6 * np.pi
    commands = Commands(POSTURE, np.array([STAND, STAND]), np.array([1.0, 1.0]))
    seen = low_level_observation(stepper, commands)
    np.testing.assert_allclose(seen[0], seen[1], atol=1e-9)


def test_rocking_is_no_flip():
    """To lie and to rock earn alike; to turn steadily earns the most."""
    earned = []
    for rates in (np.zeros(40), np.tile([4.0, -4.0], 20), np.full(40, 4.0)):
        bodies = CommandedBodies(POSTURE, 1, 0, Practice(seconds=10.0, change=3.0, fall_cost=100.0))
        bodies.reset()
        bodies.commands = Commands(POSTURE, np.array([FLIP]), np.array([4.0]))
        column = 1 + POSTURE.model.nq + POSTURE.joint_addresses("pitch")[1]
        rewards = []
        for rate in rates:
            bodies.stepper.state[0, column] = rate
            rewards.append(bodies._rewards()[0])
        earned.append(rewards[-1])
    assert abs(earned[0] - earned[1]) < 0.2 and earned[2] > -0.1


def test_to_fall_never_pays():
    low_level = LowLevelConfig()
    assert low_level.fall_cost >= 2.0 / (1.0 - low_level.discount)  # the worst error at a velocity for ever
