"""The part of MuJoCo that the project uses; the names live in C extensions, which type checkers cannot read."""

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

class mjtState(IntEnum):
    mjSTATE_FULLPHYSICS = ...

class mjtObj(IntEnum):
    mjOBJ_JOINT = ...
    mjOBJ_GEOM = ...

class mjtGeom(IntEnum):
    mjGEOM_PLANE = ...
    mjGEOM_CAPSULE = ...
    mjGEOM_ELLIPSOID = ...
    mjGEOM_CYLINDER = ...
    mjGEOM_BOX = ...
    mjGEOM_ARROW = ...

class mjtFontScale(IntEnum):
    mjFONTSCALE_100 = ...

class mjtFramebuffer(IntEnum):
    mjFB_OFFSCREEN = ...

class mjtCatBit(IntEnum):
    mjCAT_ALL = ...

class mjtRndFlag(IntEnum):
    mjRND_SHADOW = ...
    mjRND_REFLECTION = ...
    mjRND_SKYBOX = ...

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

class MjvOption: ...

class MjvGeom:
    type: int
    objtype: int
    objid: int
    matid: int
    emission: float
    specular: float
    reflectance: float
    rgba: NDArray[np.float32]

class MjvScene:
    ngeom: int
    geoms: Sequence[MjvGeom]
    flags: NDArray[np.uint8]
    def __init__(self, model: MjModel, maxgeom: int) -> None: ...

class MjrRect:
    def __init__(self, left: int, bottom: int, width: int, height: int) -> None: ...

class MjrContext:
    def __init__(self, model: MjModel, fontscale: int) -> None: ...
    def free(self) -> None: ...

class GLContext:
    def __init__(self, max_width: int, max_height: int) -> None: ...
    def make_current(self) -> None: ...
    def free(self) -> None: ...

def mjr_setBuffer(framebuffer: int, con: MjrContext) -> None: ...
def mjr_render(viewport: MjrRect, scn: MjvScene, con: MjrContext) -> None: ...
def mjr_readPixels(
    rgb: NDArray[np.uint8], depth: NDArray[np.float32] | None, viewport: MjrRect, con: MjrContext
) -> None: ...
def mjv_updateScene(
    m: MjModel, d: MjData, opt: MjvOption, pert: None, cam: MjvCamera, catmask: int, scn: MjvScene
) -> None: ...
def mjv_initGeom(
    geom: MjvGeom,
    type: int,
    size: NDArray[np.float64],
    pos: NDArray[np.float64],
    mat: NDArray[np.float64],
    rgba: NDArray[np.float32],
) -> None: ...
def mj_name2id(m: MjModel, type: int, name: str) -> int: ...
def mj_stateSize(m: MjModel, sig: int) -> int: ...
def mj_getState(m: MjModel, d: MjData, state: NDArray[np.float64], sig: int) -> None: ...
def mj_fullM(m: MjModel, d: MjData, dst: NDArray[np.float64]) -> None: ...
def mj_kinematics(m: MjModel, d: MjData) -> None: ...
def mj_setState(m: MjModel, d: MjData, state: NDArray[np.float64], sig: int) -> None: ...
def mj_forward(m: MjModel, d: MjData) -> None: ...
def mj_step(m: MjModel, d: MjData, nstep: int = ...) -> None: ...
