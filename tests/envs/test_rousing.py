"""What lies is told how to get up until it is on its way; nothing else is told other than before."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.body import load_body
from envs.commands import Commands, low_level_observation
from envs.rousing import Rousing
from envs.stepper import Stepper
from envs.tasks import FLIP, GOAL, JUMP, STAND, VELOCITY

CHEETAH = load_body("cheetah")
ALL = load_body("cheetah", "all")
GROUND = st.sampled_from([VELOCITY, GOAL])


def _told(body, pitch, speed, kind, amount):
    """The command's features as they are and as they are told: (f,) each."""
    stepper = Stepper(body, 1)
    stepper.reset(np.random.default_rng(0))
    address, joint = body.joint_addresses("pitch")[0], body.joint_addresses("x")[1]
    stepper.state[0, 1 + address], stepper.state[0, 1 + stepper.nq + joint] = pitch, speed
    commands = Commands.relative(body, np.array([kind]), np.array([amount]), stepper.coordinates())
    seen = low_level_observation(stepper, commands)
    told, own = Rousing(body)(seen), stepper.observation_size
    np.testing.assert_array_equal(told[:, :own], seen[:, :own])
    return seen[0, own:], told[0, own:]


@given(pitch=st.floats(-9, 9), speed=st.floats(-4, 4), amount=st.floats(-3, 3), kind=GROUND)
def test_what_lies_is_told_full_speed_its_way_until_it_is_on_it(pitch, speed, amount, kind):
    wanted, told = (features.item() for features in _told(CHEETAH, pitch, speed, kind, amount))
    lies, stays = np.cos(pitch) < np.cos(np.pi / 6), speed * np.sign(wanted) < 0.5 * abs(wanted)
    assert told == (np.sign(wanted) * 3.0 if lies and stays else wanted)


@given(pitch=st.floats(-9, 9), speed=st.floats(-4, 4), amount=st.floats(-3, 3), kind=GROUND)
def test_what_can_flip_gets_on_its_feet_the_shorter_way(pitch, speed, amount, kind):
    wanted, told = _told(ALL, pitch, speed, kind, amount)
    lies, stays = np.cos(pitch) < np.cos(np.pi / 6), speed * np.sign(wanted[0]) < 0.5 * abs(wanted[0])
    if wanted[0] != 0.0 and ((lies and stays) or np.cos(pitch) < 0.0):
        way = 1.0 if np.sin(pitch) <= 0.0 else -1.0
        upwards = Commands.relative(ALL, np.array([FLIP]), np.array([3.25 * way]), np.zeros((1, 6)))
        wanted = upwards.features(np.zeros((1, 6)), np.zeros(1))[0]
    np.testing.assert_array_equal(told, wanted)


@pytest.mark.parametrize("kind", [STAND, JUMP, FLIP])
def test_what_is_asked_for_no_speed_is_told_what_it_is_asked(kind):
    for pitch in (0.0, 1.0, 3.0):
        np.testing.assert_array_equal(*_told(ALL, pitch, 0.0, kind, 0.9))


@pytest.mark.parametrize("name", ["hopper", "walker", "ant", "swimmer", "humanoid"])
def test_others_are_told_what_they_are_asked(name):
    body = load_body(name)
    stepper = Stepper(body, 2)
    stepper.reset(np.random.default_rng(0))
    asked = Commands.relative(body, np.full(2, VELOCITY), np.ones(2), stepper.coordinates())
    seen = low_level_observation(stepper, asked)
    assert Rousing(body)(seen) is seen
