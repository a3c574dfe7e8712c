"""Body descriptions, the batched stepper and the gymnasium environment over it."""

import gymnasium
import mujoco
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given, settings
from hypothesis import strategies as st

from envs.body import load_body
from envs.body_files import body_names
from envs.commands import Commands
from envs.errors import UserError
from envs.heading import Heading
from envs.stepper import Stepper
from envs.tasks import VELOCITY


@pytest.fixture(scope="module")
def cheetah():
    return load_body("cheetah")


def test_stepper_agrees_with_mujoco_step_by_step(cheetah):
    stepper, rng = Stepper(cheetah, 3), np.random.default_rng(0)
    stepper.reset(rng)
    data = mujoco.MjData(cheetah.model)
    data.qpos[:], data.qvel[:] = stepper.state[1, 1:10], stepper.state[1, 10:19]
    for _ in range(20):
        actions = rng.uniform(-1, 1, (3, 6))
        stepper.step(actions)
        data.ctrl[:] = actions[1]
        mujoco.mj_step(cheetah.model, data, nstep=cheetah.steps_per_control)
    np.testing.assert_allclose(stepper.coordinates()[1], [data.qpos[0], data.qvel[0]], atol=1e-6)
    np.testing.assert_allclose(stepper.observation()[1], [*data.qpos[1:], *data.qvel], atol=1e-4)


def test_trajectories_do_not_depend_on_threads_or_neighbours(cheetah):
    def ends(n, threads):
        stepper = Stepper(cheetah, n, threads)
        stepper.state[:, 2:] += 0.1 * np.random.default_rng(1).standard_normal(stepper.state.shape[1] - 2)
        for t in range(10):
            stepper.step(np.full((n, 6), 0.1 * t))
        return stepper.state

    np.testing.assert_array_equal(ends(1, 1)[0], ends(5, 2)[3])


def test_stepping_some_leaves_the_others_alone(cheetah):
    stepper = Stepper(cheetah, 4)
    stepper.reset(np.random.default_rng(2))
    before = stepper.state.copy()
    stepper.step(np.ones((2, 6)), np.array([1, 3]))
    np.testing.assert_array_equal(stepper.state[[0, 2]], before[[0, 2]])
    assert (stepper.state[[1, 3]] != before[[1, 3]]).any(axis=1).all()


def test_observation_holds_no_position_along_the_track(cheetah):
    stepper = Stepper(cheetah, 2)
    stepper.state[1] = stepper.state[0]
    stepper.state[1, 1] += 40.0
    np.testing.assert_array_equal(stepper.observation()[0], stepper.observation()[1])


@pytest.mark.parametrize("body", body_names())
def test_gymnasium_accepts_the_body(body):
    check_env(gymnasium.make(f"carryover/{body.capitalize()}-v0").unwrapped, skip_render_check=True)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), x=st.floats(-50, 50), y=st.floats(-50, 50), angle=st.floats(-9, 9))
def test_a_body_in_the_plane_does_not_see_where_it_is_or_faces(seed, x, y, angle):
    stepper, rng = Stepper(load_body("ant"), 2), np.random.default_rng(seed)
    stepper.reset(rng)
    for _ in range(3):
        stepper.step(rng.uniform(-1, 1, (2, 8)))
    stepper.state[1] = stepper.state[0]
    heading = Heading.of(stepper.body)
    assert heading
    moved = stepper.state[1:].copy()
    heading.turn(moved, np.array([angle]))
    moved[:, 1:3] += (x, y)
    stepper.state[1:] = moved
    np.testing.assert_allclose(stepper.observation()[0], stepper.observation()[1], atol=1e-9)
    turned = stepper.heading()[1] - stepper.heading()[0] - angle
    assert np.cos(turned) == pytest.approx(1.0)
    commands = Commands.relative(stepper.body, np.array([VELOCITY, VELOCITY]), np.ones(2), stepper.coordinates())
    seen = commands.features(stepper.coordinates(), stepper.heading())
    assert np.linalg.norm(seen, axis=1) == pytest.approx([1.0, 1.0])


def test_what_is_left_out_is_derived_from_the_model():
    body = load_body("humanoid")
    assert body.dt == pytest.approx(0.05, rel=0.05) and body.steps_per_control == 17
    for kind, (low, high) in body.task_ranges.items():
        assert 0 < low < high
        assert kind != "velocity" or body.command_limits[VELOCITY] > high
    assert 0.5 < body.lead < 3.0
    assert np.isinf(load_body("cheetah").lead)  # which cannot fall


@pytest.mark.parametrize(
    ("line", "replacement", "field"),
    [
        ('x = "rootx"', 'x = "nose"', "coordinates.x"),
        ("timestep = 0.01", "timestep = -1.0", "timestep"),
        ("goal = [0.2, 10.0]", "goal = [10.0, 0.2]", "tasks.goal"),
        ("frame_skip = 5", "frame_skips = 5", "frame_skip"),
        ('mjcf = "half_cheetah.xml"', 'mjcf = "absent.xml"', "mjcf"),
        ("velocity = [1.0, 2.5]", "velocity = [nan, 2.5]", "tasks.velocity"),
        ("[tasks]", "[tasks", "TOML"),
        ('x = "rootx"', 'x = "rootx.x"', "coordinates.x"),
        ('x = "rootx"', 'x = "rootx"\ny = "rooty.y"', "coordinates.y"),
        ('x = "rootx"', 'x = "rootx"\ny = "rootz"\nheading = "tail"', "coordinates.heading"),
        ("[tasks]", "[healthy]\ntilt = 1.0\n[tasks]", "healthy.tilt"),
        ("[tasks]", "[healthy]\ntilt = 4.0\n[tasks]", "healthy.tilt"),
    ],
)
def test_a_wrong_description_names_its_field_in_one_line(tmp_path, line, replacement, field):
    from envs.body_files import body_path

    text = body_path("cheetah").read_text()
    assert line in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(line, replacement))
    with pytest.raises(UserError) as error:
        load_body(str(path))
    assert field in str(error.value)
    assert "\n" not in str(error.value)


def test_a_model_that_does_not_load_is_told_where_in_one_line(tmp_path):
    (tmp_path / "mine.xml").write_text('<mujoco>\n<worldbody>\n<geom type="bal"/>\n</worldbody>\n</mujoco>')
    (tmp_path / "mine.toml").write_text('name = "mine"\nmjcf = "mine.xml"\nframe_skip = 5\n[coordinates]\nx = "along"')
    with pytest.raises(UserError, match=r"^body mine: mjcf: mine\.xml does not load: .*'bal'.* 'geom', line 3$"):
        load_body(str(tmp_path / "mine.toml"))


@pytest.mark.parametrize("axis", [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.6, -0.8, 0.0), (0.0, 0.0, 1.0)])
def test_a_body_that_leans_too_far_has_fallen_whichever_way_it_faces(axis):
    body, angles = load_body("ant"), np.linspace(0.0, np.pi, 7)
    assert body.healthy is not None and body.healthy.tilt is not None
    stepper = Stepper(body, len(angles))
    first = 1 + body.orientation_address()
    stepper.state[:, first] = np.cos(angles / 2)
    stepper.state[:, first + 1 : first + 4] = np.sin(angles / 2)[:, None] * axis
    leaning = angles if axis[2] == 0.0 else np.zeros(len(angles))  # to turn about the vertical is not to lean
    np.testing.assert_allclose(stepper.strain(), np.maximum(leaning / body.healthy.tilt, 0.1), atol=1e-7)
    np.testing.assert_array_equal(stepper.fallen(), leaning > body.healthy.tilt)


@pytest.mark.parametrize("body", [name for name in body_names() if load_body(name).healthy is not None])
def test_a_body_is_strained_by_as_much_as_it_is_off_the_middle_of_a_healthy_range(body):
    described = load_body(body)
    assert described.healthy is not None and described.healthy.z is not None
    (low, high), column = described.healthy.z, 1 + described.joint_addresses("z")[0]
    stepper = Stepper(described, 5)
    stepper.state[:, column] = low + (high - low) * np.array([-0.01, 0.01, 0.5, 0.99, 1.01])
    assert stepper.fallen().tolist() == [True, False, False, False, True]
    np.testing.assert_allclose(stepper.strain(), [1.02, 0.98, stepper.strain()[2], 0.98, 1.02])


def test_all_kinds_of_tasks_need_their_ranges():
    with pytest.raises(UserError, match=r"tasks\.stand: missing; tasks=all asks for it"):
        load_body("walker", "all")
    with pytest.raises(UserError, match=r"coordinates\.pitch: missing"):
        load_body("humanoid", "all")


def test_an_unknown_body_is_told_which_ones_there_are():
    with pytest.raises(UserError, match="cheetah"):
        load_body("unicorn")


def test_a_servo_holds_the_angle_that_is_asked_for(tmp_path):
    (tmp_path / "arm.xml").write_text(_ARM)
    (tmp_path / "arm.toml").write_text(_ARM_TOML)
    body = load_body(str(tmp_path / "arm.toml"))
    stepper = Stepper(body, 2)
    for _ in range(100):
        stepper.step(np.array([[0.5], [-1.0]]))
    angles = stepper.state[:, 1 + body.model.jnt_qposadr[1]]
    np.testing.assert_allclose(angles, [0.5 * 0.8, -0.8], atol=1e-3)  # shares of the reach


def test_a_servo_asks_for_no_more_than_the_motor_gives():
    body = load_body("hopper")
    assert body.servo is not None
    data = mujoco.MjData(body.model)
    data.ctrl[:] = body.model.actuator_ctrlrange[:, 1]
    mujoco.mj_step(body.model, data)
    np.testing.assert_allclose(data.qfrc_actuator[-3:], 200.0)  # a gear of 200 on a control of at most 1


_ARM = """<mujoco><option gravity="0 0 0"/><compiler angle="radian"/><worldbody>
  <body><joint name="slide" type="slide" axis="1 0 0"/><geom size="0.2" mass="5"/>
    <body><joint name="hinge" axis="0 1 0"/><geom type="capsule" fromto="0 0 0 0 0 .5" size="0.05" mass="1"/></body>
  </body></worldbody><actuator><motor joint="hinge" gear="30"/></actuator></mujoco>"""
_ARM_TOML = """name = "arm"
mjcf = "arm.xml"
[coordinates]
x = "slide"
[servo]
reach = 0.8
"""
