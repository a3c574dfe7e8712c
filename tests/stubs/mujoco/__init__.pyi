"""The part of MuJoCo that the project uses; the names live in C extensions, which type checkers cannot read."""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

class mjtState(IntEnum):
    mjSTATE_FULLPHYSICS = ...

class mjtObj(IntEnum):
    mjOBJ_JOINT = ...

class mjtJoint(IntEnum):
    mjJNT_FREE = ...
    mjJNT_BALL = ...
    mjJNT_HINGE = ...

class mjtTrn(IntEnum):
    mjTRN_JOINT = ...

class mjtBias(IntEnum):
    mjBIAS_NONE = ...
    mjBIAS_AFFINE = ...

class mjtDyn(IntEnum):
    mjDYN_NONE = ...

class mjtGeom(IntEnum):
    mjGEOM_CAPSULE = ...
    mjGEOM_ELLIPSOID = ...
    mjGEOM_CYLINDER = ...
    mjGEOM_BOX = ...

class MjOption:
    timestep: float
    gravity: NDArray[np.float64]

class JointView:
    name: str

class MjModel:
    nq: int
    nv: int
    nu: int
    njnt: int
    opt: MjOption
    actuator_ctrlrange: NDArray[np.float64]
    actuator_ctrllimited: NDArray[np.uint8]
    actuator_forcerange: NDArray[np.float64]
    actuator_forcelimited: NDArray[np.uint8]
    actuator_gear: NDArray[np.float64]
    actuator_gainprm: NDArray[np.float64]
    actuator_biasprm: NDArray[np.float64]
    actuator_biastype: NDArray[np.int32]
    actuator_dyntype: NDArray[np.int32]
    actuator_trntype: NDArray[np.int32]
    actuator_trnid: NDArray[np.int32]
    qpos0: NDArray[np.float64]
    jnt_qposadr: NDArray[np.int32]
    jnt_dofadr: NDArray[np.int32]
    jnt_type: NDArray[np.int32]
    geom_bodyid: NDArray[np.int32]
    geom_rbound: NDArray[np.float64]
    geom_type: NDArray[np.int32]
    geom_size: NDArray[np.float64]
    @staticmethod
    def from_xml_path(filename: str) -> MjModel: ...
    def joint(self, name: int | str) -> JointView: ...

class MjData:
    time: float
    qpos: NDArray[np.float64]
    qvel: NDArray[np.float64]
    ctrl: NDArray[np.float64]
    qfrc_actuator: NDArray[np.float64]
    subtree_com: NDArray[np.float64]
    geom_xpos: NDArray[np.float64]
    geom_xmat: NDArray[np.float64]
    def __init__(self, model: MjModel) -> None: ...

class MjvCamera:
    distance: float
    elevation: float
    azimuth: float
    lookat: NDArray[np.float64]

class Renderer:
    def __init__(self, model: MjModel, height: int = ..., width: int = ...) -> None: ...
    def update_scene(self, data: MjData, camera: int | str | MjvCamera = ...) -> None: ...
    def render(self) -> NDArray[np.uint8]: ...
    def close(self) -> None: ...

def mj_name2id(m: MjModel, type: int, name: str) -> int: ...
def mj_stateSize(m: MjModel, sig: int) -> int: ...
def mj_getState(m: MjModel, d: MjData, state: NDArray[np.float64], sig: int) -> None: ...
def mj_fullM(m: MjModel, d: MjData, dst: NDArray[np.float64]) -> None: ...
def mj_kinematics(m: MjModel, d: MjData) -> None: ...
def mj_setState(m: MjModel, d: MjData, state: NDArray[np.float64], sig: int) -> None: ...
def mj_forward(m: MjModel, d: MjData) -> None: ...
def mj_step(m: MjModel, d: MjData, nstep: int = ...) -> None: ...
