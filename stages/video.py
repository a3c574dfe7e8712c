"""Clips of a body at work, drawn offscreen, with what it was asked for and where it is."""

from __future__ import annotations

from pathlib import Path

import imageio.v2 as imageio
import mujoco
import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw

from envs.body import Body
from envs.tasks import Floats

_WIDTH, _HEIGHT = 480, 320

#: Label, and states (time, columns) of the physics, of one task.
Clip = tuple[str, Floats]


def film(body: Body, clips: list[Clip], out: Path) -> None:
    """Write ``video.mp4`` of the clips one after the other, or ``video.txt`` that says why there is none."""
    if not any(len(clip[1]) for clip in clips):
        (out / "video.txt").write_text("no frames were asked for\n")
        return
    try:
        renderer = mujoco.Renderer(body.model, _HEIGHT, _WIDTH)
    except Exception as error:  # noqa: BLE001 (whatever keeps this machine from drawing, the numbers stand)
        (out / "video.txt").write_text(f"no OpenGL for offscreen drawing here: {str(error).splitlines()[0]}\n")
        return
    frames: list[ArrayLike] = [frame for clip in clips for frame in _frames(body, renderer, clip)]
    renderer.close()
    # One thread and bit-exact flags, so that equal frames are equal bytes.
    imageio.mimwrite(
        out / "video.mp4",
        frames,
        fps=round(1 / body.dt),
        macro_block_size=1,
        output_params=["-threads", "1", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-movflags", "+faststart"],
    )


def _frames(body: Body, renderer: mujoco.Renderer, clip: Clip) -> list[np.ndarray]:
    label, states = clip
    data, (x, vx) = mujoco.MjData(body.model), body.joint_addresses("x")
    camera = mujoco.MjvCamera()
    camera.distance, camera.elevation, camera.azimuth = 4.0, -15.0, 90.0
    drawn = []
    for step, state in enumerate(states):
        mujoco.mj_setState(body.model, data, state, mujoco.mjtState.mjSTATE_FULLPHYSICS)
        mujoco.mj_forward(body.model, data)
        camera.lookat[:] = (*data.subtree_com[0][:2], 0.6)
        renderer.update_scene(data, camera)
        text = f"{label}    t {step * body.dt:4.1f} s    x {data.qpos[x]:+6.2f} m    v {data.qvel[vx]:+5.2f} m/s"
        drawn.append(_with_text(renderer.render(), text))
    return drawn


def _with_text(pixels: np.ndarray, text: str) -> np.ndarray:
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, _WIDTH, 22), fill=(20, 24, 32))
    draw.text((8, 5), text, fill=(240, 240, 240))
    return np.asarray(image)
