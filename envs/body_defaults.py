"""What a body's description may leave out, derived from its model: how long a decision is, how fast and far is much."""

from __future__ import annotations

import mujoco
import numpy as np

#: Seconds per control step that are aimed at; the legs of all bodies here answer on that scale.
_CONTROL_STEP = 0.05
#: Shares of the speed at which a leg of the body's size would leave the ground (Froude number 1).
_SPEEDS = (0.1, 0.4)
#: Distances in body sizes.
_GOALS = (1.0, 6.0)
#: Commands reach a little beyond the tasks; goals are given in pieces, as far as the top speed leads in this time (s).
_BEYOND, _AHEAD = 1.1, 0.5
#: Lead of a body that can fall, as a share of the speed above.
_LEAD = 0.5


def frame_skip(timestep: float) -> int:
    """Physics steps of some length (s) per control step."""
    return max(round(_CONTROL_STEP / timestep), 1)


def size(model: mujoco.MjModel) -> float:
    """Largest side (m) of the box around the body in its own pose."""
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    moving = np.flatnonzero(model.geom_bodyid > 0)
    reach = model.geom_rbound[moving, None]
    low, high = (data.geom_xpos[moving] - reach).min(axis=0), (data.geom_xpos[moving] + reach).max(axis=0)
    return float((high - low).max())


def task_ranges(model: mujoco.MjModel) -> dict[str, tuple[float, float]]:
    """Velocities (m/s) by the Froude number of the body's size, and goals (m) by the size itself."""
    (low, high), (near, far), top, length = _SPEEDS, _GOALS, _top_speed(model), size(model)
    return {"velocity": (low * top, high * top), "goal": (near * length, far * length)}


def lead(model: mujoco.MjModel) -> float:
    """How far (m/s) a velocity that is asked for may be from the present one, of a body that can fall."""
    return _LEAD * _top_speed(model)


def _top_speed(model: mujoco.MjModel) -> float:
    """m/s at which the Froude number of the body's size is 1."""
    length = size(model)
    return float(np.sqrt(np.linalg.norm(model.opt.gravity) * length)) or length


def command_ranges(tasks: dict[str, tuple[float, float]]) -> dict[str, float]:
    """Largest amounts of commands for some tasks."""
    beyond = {kind: _BEYOND * high for kind, (_, high) in tasks.items()}
    return beyond | {"goal": _AHEAD * tasks["velocity"][1]}
