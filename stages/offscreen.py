"""Bodies drawn without a screen: by EGL, or by OSMesa where that is what the machine has."""

from __future__ import annotations

import copy
import ctypes
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import mujoco
import numpy as np

from envs.body import Body
from envs.errors import UserError
from envs.palette import rgb
from envs.tasks import Floats

#: Names under which systems have OSMesa; constants of its interface and of OpenGL.
_OSMESA = ("libOSMesa.so.8", "libOSMesa.so.6", "libOSMesa.so")
_RGBA, _UNSIGNED_BYTE, _DEPTH_BITS, _STENCIL_BITS = 0x1908, 0x1401, 24, 8
_MOST_GEOMS = 2000
_FLOOR, _WALL, _LINE = (0.80, 0.82, 0.84, 1.0), (0.90, 0.92, 0.94, 1.0), (0.62, 0.66, 0.70, 1.0)
_SHADE = (0.1, 0.12, 0.15, 0.12)
#: Shares of light: from everywhere, from the camera, from the model's own lamps.
_AMBIENT, _HEADLIGHT, _LAMPS = 0.45, 0.25, 0.35
_REACH, _WALL_AWAY = 40.0, 9.0  # m
_DISTANCE, _ELEVATION, _LOOK_AT = 3.3, -13.0, 0.72  # m, degrees, m above the ground

Colour = tuple[float, float, float, float]


class Context(Protocol):
    """What OpenGL draws to."""

    def make_current(self) -> None: ...

    def free(self) -> None: ...


@dataclass(frozen=True)
class Mark:
    """Something that stands in the scene: a pole at a target, or an arrow of so many metres along x.

    Attributes:
        place: x, y, z in metres; of a pole its foot.
        colour: ``#rrggbb``.
        length: of an arrow; None for a pole.
    """

    place: tuple[float, float, float]
    colour: str
    length: float | None = None


class Canvas:
    """Pictures (height, width, 3) of a body's states, all in one look: plain ground, a line every metre.

    Raises:
        UserError: neither EGL nor OSMesa can draw here.
    """

    def __init__(self, body: Body, width: int, height: int) -> None:
        self.body, self.width, self.height = body, width, height
        self.model: Any = copy.copy(body.model)  # its light is set here
        self.model.vis.global_.offwidth, self.model.vis.global_.offheight = width, height
        self._light()
        self._context = _context(width, height)  # kept: what is drawn to goes with it
        self._mujoco = mujoco.MjrContext(self.model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._mujoco)
        self._scene = mujoco.MjvScene(self.model, _MOST_GEOMS)
        # Shadows cost more than all else, where there is no graphics card.
        flags = mujoco.mjtRndFlag
        for flag in (flags.mjRND_SHADOW, flags.mjRND_REFLECTION, flags.mjRND_SKYBOX):
            self._scene.flags[flag.value] = 0
        self._camera, self._options = mujoco.MjvCamera(), mujoco.MjvOption()
        self._camera.distance, self._camera.elevation, self._camera.azimuth = _DISTANCE, _ELEVATION, 90.0
        self._data: Any = mujoco.MjData(self.model)

    def close(self) -> None:
        """Give back what the machine draws with; no picture can be had after it."""
        self._mujoco.free()
        self._context.free()

    def picture(self, state: Floats, colour: str, marks: Sequence[Mark] = ()) -> np.ndarray:
        """The body in one colour, in a state of the physics, with marks; the camera goes with it."""
        mujoco.mj_setState(self.model, self._data, state, mujoco.mjtState.mjSTATE_FULLPHYSICS)
        mujoco.mj_forward(self.model, self._data)
        x, y = self._data.subtree_com[0][:2]
        self._camera.lookat[:] = (x, y, _LOOK_AT)
        everything = mujoco.mjtCatBit.mjCAT_ALL.value
        mujoco.mjv_updateScene(self.model, self._data, self._options, None, self._camera, everything, self._scene)
        self._paint(colour)
        self._stage(x, y)
        for mark in marks:
            self._mark(mark)
        return self._pixels()

    @property
    def where(self) -> tuple[float, float, float]:
        """Centre of the body in the last picture, m."""
        x, y, z = self._data.subtree_com[0]
        return float(x), float(y), float(z)

    def _light(self) -> None:
        """The same light for every model, whatever its lamps are like."""
        headlight = self.model.vis.headlight
        headlight.ambient[:], headlight.diffuse[:], headlight.specular[:] = _AMBIENT, _HEADLIGHT, 0.0
        self.model.light_diffuse[:], self.model.light_ambient[:], self.model.light_specular[:] = _LAMPS, 0.0, 0.0

    def _paint(self, colour: str) -> None:
        """The body in its colour, the ground plain: no material, so that colours mean what they say."""
        for geom in self._scene.geoms[: self._scene.ngeom]:
            if geom.objtype != mujoco.mjtObj.mjOBJ_GEOM.value:
                continue
            own = self.model.geom_bodyid[geom.objid] > 0
            if own or geom.type == mujoco.mjtGeom.mjGEOM_PLANE.value:
                geom.matid, geom.reflectance = -1, 0.0
                geom.rgba[:], geom.specular = (_paint(colour) if own else _FLOOR), 0.1
                geom.emission = 0.25 if own else 0.0

    def _stage(self, x: float, y: float) -> None:
        """A wall behind the body, a shade below it, and a line across the ground at every metre."""
        box, first = mujoco.mjtGeom.mjGEOM_BOX, round(x) - 8
        self._add(box, (_REACH, 0.01, _REACH), (x, y + _WALL_AWAY, 0.0), _WALL).emission = 0.3
        for metre in range(first, first + 17):
            wide = 0.03 if metre % 5 == 0 else 0.01
            self._add(box, (wide, _WALL_AWAY, 0.002), (float(metre), y, 0.0), _LINE)

        self._add(mujoco.mjtGeom.mjGEOM_ELLIPSOID, (0.55, 0.3, 0.004), (x, y, 0.0), _SHADE)

    def _mark(self, mark: Mark) -> None:
        if mark.length is None:
            x, y, z = mark.place
            pole = (0.035, 0.6, 0.0)
            self._add(mujoco.mjtGeom.mjGEOM_CYLINDER, pole, (x, y, z + 0.6), _paint(mark.colour, 0.85)).emission = 0.3
            self._add(mujoco.mjtGeom.mjGEOM_CYLINDER, (0.28, 0.004, 0.0), (x, y, z), _paint(mark.colour, 0.6))
        else:
            ways = np.array([[0.0, 0.0, np.sign(mark.length)], [0.0, 1.0, 0.0], [-np.sign(mark.length), 0.0, 0.0]])
            size = (0.025, 0.025, abs(mark.length))
            self._add(mujoco.mjtGeom.mjGEOM_ARROW, size, mark.place, _paint(mark.colour), ways).emission = 0.4

    def _add(
        self,
        kind: mujoco.mjtGeom,
        size: tuple[float, float, float],
        place: tuple[float, float, float],
        colour: Colour,
        ways: np.ndarray | None = None,
    ) -> Any:
        """A shape in the scene, turned by a matrix (3, 3); full scenes take no more, which no scene here is."""
        geom = self._scene.geoms[self._scene.ngeom]
        turned = (np.eye(3) if ways is None else ways).flatten()
        mujoco.mjv_initGeom(geom, kind.value, np.array(size), np.array(place), turned, np.array(colour, np.float32))
        self._scene.ngeom += 1
        return geom

    def _pixels(self) -> np.ndarray:
        frame = mujoco.MjrRect(0, 0, self.width, self.height)
        mujoco.mjr_render(frame, self._scene, self._mujoco)
        pixels = np.empty((self.height, self.width, 3), np.uint8)
        mujoco.mjr_readPixels(pixels, None, frame, self._mujoco)
        return pixels[::-1]


def _paint(colour: str, opacity: float = 1.0) -> Colour:
    red, green, blue = (part / 255 for part in rgb(colour))
    return red, green, blue, opacity


def _context(width: int, height: int) -> Context:
    """EGL, or what MuJoCo uses on this system; OSMesa if that cannot be had."""
    try:
        found: Context = mujoco.GLContext(width, height)
        found.make_current()
    except Exception as error:  # noqa: BLE001 (drivers fail with errors of all kinds)
        try:
            return _OSMesa(width, height)
        except OSError:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise UserError(
                f"video: nothing here draws without a screen ({first}); install EGL (libegl1) or OSMesa (libosmesa6)"
            ) from error
    return found


class _OSMesa:
    """OpenGL in software, to memory.

    By its C interface: MuJoCo's own binding refuses to load in a process that has tried EGL.
    """

    def __init__(self, width: int, height: int) -> None:
        self._library = library = _first_library(_OSMESA)
        # MuJoCo looks there for whom to ask for OpenGL's functions, when it first draws.
        os.environ["MUJOCO_GL"] = "osmesa"
        create, self._make_current = library.OSMesaCreateContextExt, library.OSMesaMakeCurrent
        create.restype = ctypes.c_void_p
        create.argtypes = [ctypes.c_uint, *[ctypes.c_int] * 3, ctypes.c_void_p]
        self._make_current.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_int]
        self._size, self._pixels = (width, height), (ctypes.c_ubyte * (4 * width * height))()
        self._handle = create(_RGBA, _DEPTH_BITS, _STENCIL_BITS, 0, None)
        self.make_current()

    def make_current(self) -> None:
        """Let what follows draw here."""
        if not self._handle or not self._make_current(self._handle, self._pixels, _UNSIGNED_BYTE, *self._size):
            raise OSError("OSMesa made no context")

    def free(self) -> None:
        """Give the context back."""
        self._library.OSMesaDestroyContext(ctypes.c_void_p(self._handle))


def _first_library(names: Sequence[str]) -> ctypes.CDLL:
    for name in names:
        try:
            return ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
        except OSError:
            continue
    raise OSError(f"none of {', '.join(names)}")
