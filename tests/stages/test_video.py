"""Films: what is acted out, and what is drawn of it without a screen."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from ctypes.util import find_library
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch

from envs.body import load_body
from envs.palette import BASE_TASK_COLOURS, rgb
from envs.tasks import Tasks, active_coordinate
from models.controller import Controller
from models.deciders import Decider, StridePredictor
from models.toy_agent import ToyAgent
from stages.controls import Stack
from stages.offscreen import Canvas, Mark
from stages.overlay import size
from stages.takes import Take, act_out
from stages.video import SIDE_BY_SIDE, film, film_or_excuse, tell_apart

ROOT = Path(__file__).resolve().parents[2]
CHEETAH = load_body("cheetah")
SCRIPT = Tasks(np.array([1, 0, 1]), np.array([5.0, -2.0, -3.0]))
SECONDS = 1.5
needs_opengl = pytest.mark.skipif(
    sys.platform == "linux" and not (find_library("EGL") or find_library("OSMesa")), reason="no EGL, no OSMesa here"
)


@pytest.fixture(scope="module")
def takes() -> dict[str, Take]:
    """What an untrained stack does."""
    torch.manual_seed(0)
    toy = ToyAgent("line", 4, 8, 8, "gaussian", "gru").requires_grad_(False)
    controller = Controller(18, 6, 8)
    stack = Stack(toy, Decider.reuse(toy, StridePredictor("line", 17, 8).requires_grad_(False)))
    return {control: act_out(CHEETAH, stack, controller, control, SCRIPT, SECONDS) for control in SIDE_BY_SIDE}


@pytest.fixture(scope="module")
def canvas() -> Iterator[Canvas]:
    with closing(Canvas(CHEETAH, 200, 140)) as canvas:
        yield canvas


def test_every_task_has_its_time_and_changes_where_a_stride_ends(takes: dict[str, Take]) -> None:
    for take in takes.values():
        assert len(take.moments) == round(len(SCRIPT) * SECONDS / CHEETAH.dt)
        asked = [moment.asked for moment in take.moments]
        assert asked == sorted(asked) and set(asked) == {0, 1, 2}
        for before, after in zip(take.moments, take.moments[1:], strict=False):
            assert after.stride[1] == (1 if before.stride[0] == before.stride[1] else before.stride[1] + 1)
            assert after.asked == before.asked or after.stride[1] == 1
        due = [round(number * SECONDS / CHEETAH.dt) for number in range(3)]
        assert all(start <= asked.index(number) < start + 20 for number, start in enumerate(due))


def test_values_are_those_of_the_states(takes: dict[str, Take]) -> None:
    (x, vx), nq = CHEETAH.joint_addresses("x"), CHEETAH.model.nq
    for moment in takes["agent"].moments:
        at = np.array([[moment.state[1 + x], moment.state[1 + nq + vx]]])
        task = SCRIPT[moment.asked : moment.asked + 1]
        assert moment.value == pytest.approx(active_coordinate(task, at)[0])


def test_the_oracle_is_told_and_the_others_are_not(takes: dict[str, Take]) -> None:
    for moment in takes["oracle"].moments:
        assert moment.posterior[SCRIPT.base_task[moment.asked]] == 1.0
        assert moment.estimate[0] == SCRIPT.specification[moment.asked]
    assert len({tuple(moment.posterior) for moment in takes["no_inference"].moments}) == 1
    assert len({tuple(moment.posterior) for moment in takes["agent"].moments}) > 3


def test_the_script_of_a_body_has_every_base_task() -> None:
    for name in ("cheetah", "ant"):
        body = load_body(name)
        assert sorted(tell_apart(body).base_task) == list(range(len(body.space.base_tasks)))


@needs_opengl
def test_the_body_is_drawn_in_the_colour_of_the_task(canvas: Canvas, takes: dict[str, Take]) -> None:
    state = takes["agent"].moments[0].state
    for name in ("goal forward", "velocity backward"):
        picture = canvas.picture(state, BASE_TASK_COLOURS[name]).astype(int)
        assert picture.shape == (140, 200, 3)
        wanted = np.array(rgb(BASE_TASK_COLOURS[name]))
        own = np.ptp(picture, axis=-1) > 60  # ground and wall are grey
        assert own.mean() > 0.01
        cosine = (picture[own] @ wanted) / np.linalg.norm(picture[own], axis=1) / np.linalg.norm(wanted)
        assert np.median(cosine) > 0.97


@needs_opengl
def test_a_target_is_marked_where_it_is(canvas: Canvas, takes: dict[str, Take]) -> None:
    state, grey = takes["agent"].moments[0].state, "#9a9a9a"
    x = float(state[1 + CHEETAH.joint_addresses("x")[0]])
    for away, half in ((1.0, slice(100, 200)), (-1.0, slice(0, 100))):
        picture = canvas.picture(state, grey, [Mark((x + away, 0.0, 0.0), "#d62728")]).astype(int)
        red = np.ptp(picture, axis=-1) > 60
        assert red.any() and red[:, half].sum() == red.sum()


@needs_opengl
def test_drawing_does_not_touch_the_body(takes: dict[str, Take]) -> None:
    fresh = load_body("cheetah")
    before = fresh.model.light_diffuse.copy()  # type: ignore[attr-defined]
    with closing(Canvas(fresh, 64, 48)) as canvas:
        canvas.picture(takes["agent"].moments[0].state, "#d62728")
    np.testing.assert_array_equal(fresh.model.light_diffuse, before)  # type: ignore[attr-defined]


@needs_opengl
def test_equal_takes_are_equal_films(takes: dict[str, Take], tmp_path: Path) -> None:
    short = [Take(take.control, take.script, take.moments[:12], False) for take in takes.values()]
    shares: list[float] = []
    for name in ("a.mp4", "b.mp4", "c.gif"):
        film(CHEETAH, short, tmp_path / name, shares.append)
    digests = [sha256((tmp_path / name).read_bytes()).hexdigest() for name in ("a.mp4", "b.mp4")]
    assert digests[0] == digests[1]
    assert (tmp_path / "a.mp4").stat().st_size > 5_000
    assert (tmp_path / "c.gif").read_bytes().startswith(b"GIF89a")
    assert shares[11] == shares[-1] == 1.0 and shares[:12] == sorted(shares[:12])
    assert all(length % 2 == 0 for length in size(short))


def test_no_frames_are_an_excuse(takes: dict[str, Take], tmp_path: Path) -> None:
    film_or_excuse(CHEETAH, [Take("agent", SCRIPT, [], False)], tmp_path, lambda _: None)
    assert [path.name for path in tmp_path.iterdir()] == ["video.txt"]


_DRAWS = """
import sys
from envs.body import load_body
from envs.errors import UserError
from stages.offscreen import Canvas
if "osmesa" not in sys.argv:
    import ctypes
    ctypes.CDLL = lambda *_, **__: (_ for _ in ()).throw(OSError("no library"))
try:
    print(type(Canvas(load_body("hopper"), 64, 48)._context).__name__)
except UserError as error:
    print(error)
"""


@pytest.mark.parametrize("osmesa", (True, False))
def test_without_egl_osmesa_draws_and_without_both_one_line_says_what_to_install(osmesa: bool) -> None:
    """MuJoCo is told to have no OpenGL of its own."""
    environment = {**os.environ, "MUJOCO_GL": "disable"}
    words = [sys.executable, "-c", _DRAWS, *(["osmesa"] if osmesa else [])]
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    [line] = done.stdout.splitlines()
    assert line == "_OSMesa" if osmesa and find_library("OSMesa") else "install EGL" in line
