"""Joint servos: motors that follow an angle at every physics step, within their own torque.

A torque held for a whole control step throws a light leg about; an angle does not. What the body can do is the same:
the servo asks its motor for no more than the motor gives.
"""

from __future__ import annotations

import mujoco
import numpy as np
from pydantic import BaseModel, ConfigDict, Field


class Servo(BaseModel):
    """Spring and damper between the angle asked for and the joint's."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    reach: float = Field(default=1.0, gt=0, le=7, description="farthest angle from the model's own pose, rad")
    give: float = Field(default=0.5, gt=0, le=7, description="error at which the motor gives all its torque, rad")
    damping: float = Field(default=0.5, ge=0, le=2, description="share of critical damping")

    def fit(self, model: mujoco.MjModel) -> None:
        """Turn the motors of a model's hinges into servos; its other actuators stay as they are."""
        inertia = _own_inertia(model)
        for i in np.flatnonzero(_hinge_motors(model)):
            joint, gear = model.actuator_trnid[i, 0], model.actuator_gear[i, 0]
            most = model.actuator_gainprm[i, 0] * (
                np.abs(model.actuator_ctrlrange[i]).max() if model.actuator_ctrllimited[i] else 1.0
            )
            stiffness = abs(gear) * most / self.give  # Nm/rad
            damper = 2.0 * self.damping * np.sqrt(stiffness * inertia[model.jnt_dofadr[joint]])  # Nm s/rad
            centre = gear * model.qpos0[model.jnt_qposadr[joint]]  # MuJoCo's lengths and forces are before the gear
            model.actuator_gainprm[i, 0] = stiffness / gear**2
            model.actuator_biastype[i] = mujoco.mjtBias.mjBIAS_AFFINE
            model.actuator_biasprm[i, :3] = 0.0, -stiffness / gear**2, -damper / gear**2
            model.actuator_forcelimited[i], model.actuator_forcerange[i] = True, (-most, most)
            model.actuator_ctrllimited[i] = True
            model.actuator_ctrlrange[i] = centre - abs(gear) * self.reach, centre + abs(gear) * self.reach


def _hinge_motors(model: mujoco.MjModel) -> np.ndarray:
    """(actuators,) bool: plain torques on a hinge."""
    joints = model.actuator_trntype == mujoco.mjtTrn.mjTRN_JOINT
    hinges = model.jnt_type[np.where(joints, model.actuator_trnid[:, 0], 0)] == mujoco.mjtJoint.mjJNT_HINGE
    plain = (model.actuator_biastype == mujoco.mjtBias.mjBIAS_NONE) & (
        model.actuator_dyntype == mujoco.mjtDyn.mjDYN_NONE
    )
    return joints & hinges & plain & (model.actuator_gear[:, 0] != 0)


def _own_inertia(model: mujoco.MjModel) -> np.ndarray:
    """(degrees of freedom,) kg m^2 or kg: what each turns or moves in the model's own pose."""
    data, inertia = mujoco.MjData(model), np.empty((model.nv, model.nv))
    mujoco.mj_forward(model, data)
    mujoco.mj_fullM(model, data, inertia)
    return inertia.diagonal()
