"""Body descriptions: one TOML each, checked, with the MuJoCo model they name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import mujoco
import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from envs import body_defaults
from envs.body_files import BODIES, AskedFor, body_path, mjcf_path, read_toml, space_name
from envs.errors import UserError
from envs.servo import Servo
from envs.tasks import KINDS, SPACES, Floats, Space

#: Parts of a free joint that can be a coordinate.
_PARTS = ("x", "y", "z")


def _ordered(bounds: tuple[float, float]) -> tuple[float, float]:
    if not bounds[0] < bounds[1]:
        raise ValueError(f"an empty range: {bounds[0]} is not below {bounds[1]}")
    return bounds


Range = Annotated[tuple[float, float], AfterValidator(_ordered)]
PositiveRange = Annotated[tuple[Annotated[float, Field(gt=0)], float], AfterValidator(_ordered)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class CoordinateMap(_Section):
    """Joints whose position and velocity are the toy coordinates: by name, or a free joint's part as ``root.x``."""

    x: str = Field(description="along the track, m")
    y: str | None = Field(default=None, description="across the track, m; a body that has it moves in the plane")
    z: str | None = Field(default=None, description="height, m")
    pitch: str | None = Field(default=None, description="pitch, rad")
    heading: str | None = Field(default=None, description="hinge, or free joint, that turns the body in the plane")


class TaskRanges(_Section):
    """Range of |specification| by kind; every task but a jump exists forwards and backwards."""

    velocity: PositiveRange | None = Field(default=None, description="m/s; in the plane along both axes")
    goal: PositiveRange | None = Field(default=None, description="m; in the plane along both axes")
    stand: PositiveRange | None = Field(default=None, description="pitch to hold, rad")
    jump: PositiveRange | None = Field(default=None, description="vertical speed, m/s")
    flip: PositiveRange | None = Field(default=None, description="pitch rate, rad/s")


class CommandRanges(_Section):
    """Largest |amount| of each command that the low level is trained on, zero included; how abrupt one may be."""

    velocity: float | None = Field(default=None, gt=0, le=20, description="m/s")
    goal: float | None = Field(default=None, gt=0, le=20, description="m, relative to where the body is")
    stand: float | None = Field(default=None, gt=0, le=7, description="pitch, rad")
    jump: float | None = Field(default=None, gt=0, le=20, description="vertical speed, m/s")
    flip: float | None = Field(default=None, gt=0, le=50, description="pitch rate, rad/s")
    lead: float | None = Field(
        default=None,
        gt=0,
        le=100,
        description="m/s that what an agent tells it may be from its present velocity; by default by the size of a "
        "body that can fall, else without limit",
    )


class Healthy(_Section):
    """Outside these ranges a body has fallen and its episode ends."""

    z: Range | None = Field(default=None, description="m")
    pitch: Range | None = Field(default=None, description="rad")
    tilt: float | None = Field(
        default=None, gt=0, lt=3.14, description="of a free joint from upright, whichever way it leans, rad, at most"
    )


class Body(_Section):
    """A body as its TOML describes it, and the kinds of tasks that it is asked for."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$", description="short name used on the command line")
    mjcf: str = Field(description="file in gymnasium's MuJoCo assets by name, or a path beside the TOML")
    timestep: float | None = Field(
        default=None, gt=0, le=0.05, description="physics step, s; by default the model's own"
    )
    frame_skip: int | None = Field(
        default=None, ge=1, le=100, description="physics steps per control step; by default as many as make 0.05 s"
    )
    reset_noise: float = Field(default=0.01, ge=0, le=1, description="spread of the start around the model's own pose")
    coordinates: CoordinateMap
    tasks: TaskRanges = Field(default_factory=TaskRanges, description="by default by the body's size")
    commands: CommandRanges = Field(default_factory=CommandRanges, description="by default a little beyond the tasks")
    healthy: Healthy | None = None
    servo: Servo | None = Field(default=None, description="actions are angles; without, torques as the model has them")
    training: dict[str, dict[str, float]] = Field(
        default={}, description="config fields by stage, in place of the defaults"
    )
    folder: Path = Field(default=BODIES, exclude=True, description="where the TOML lies; set on reading")
    asked: AskedFor = Field(default="basic", exclude=True, description="kinds of tasks; set on reading")

    @property
    def dt(self) -> float:
        """Seconds per control step."""
        return self.model.opt.timestep * self.steps_per_control

    @cached_property
    def steps_per_control(self) -> int:
        """Physics steps per control step."""
        return self.frame_skip or body_defaults.frame_skip(self.model.opt.timestep)

    @property
    def mjcf_path(self) -> Path:
        """The MJCF beside the TOML, or gymnasium's own of that name."""
        return mjcf_path(self.folder, self.mjcf)

    @cached_property
    def space(self) -> Space:
        """Toy coordinates and kinds of tasks."""
        return SPACES[space_name({"coordinates": self.coordinates.model_dump()}, self.asked)]

    @cached_property
    def task_ranges(self) -> dict[str, tuple[float, float]]:
        """Range of |specification| by kind name."""
        return self._of_kinds("tasks", self.tasks, body_defaults.task_ranges(self.model))

    @cached_property
    def command_limits(self) -> Floats:
        """Largest |amount| by global kind id; 0 for kinds that are not asked for."""
        limits = self._of_kinds("commands", self.commands, body_defaults.command_ranges(self.task_ranges))
        return np.array([limits.get(kind, 0.0) for kind in KINDS])

    @cached_property
    def lead(self) -> float:
        """How far (m/s) the velocity that an agent tells its low level may be from the present one."""
        falls = self.healthy is not None
        return self.commands.lead or (body_defaults.lead(self.model) if falls else np.inf)

    @cached_property
    def model(self) -> mujoco.MjModel:
        """The compiled model, with this body's timestep."""
        if not self.mjcf_path.exists():
            raise UserError(f"body {self.name}: mjcf: no file {self.mjcf} beside the TOML or in gymnasium's assets")
        try:
            model = mujoco.MjModel.from_xml_path(str(self.mjcf_path))
        except ValueError as error:
            raise UserError(f"body {self.name}: mjcf: {self.mjcf} does not load: {_line(error)}") from error
        if not model.nu:
            raise UserError(f"body {self.name}: mjcf: {self.mjcf} has no actuator; a body must be able to move itself")
        model.opt.timestep = self.timestep or model.opt.timestep
        if self.servo is not None:
            self.servo.fit(model)
        return model

    def joint_addresses(self, coordinate: str) -> tuple[int, int]:
        """Index into qpos and into qvel of a coordinate's joint."""
        named = getattr(self.coordinates, coordinate)
        if named is None:
            raise UserError(f"body {self.name}: coordinates.{coordinate}: missing; it is needed for this body's tasks")
        joint, _, part = named.partition(".")
        index = mujoco.mj_name2id(self.model, mujoco.mjtObj.mjOBJ_JOINT, joint)
        names = [self.model.joint(i).name for i in range(self.model.njnt)]
        if index < 0:
            raise UserError(f"body {self.name}: coordinates.{coordinate}: no joint {joint!r}; the model has {names}")
        free = self.model.jnt_type[index] == mujoco.mjtJoint.mjJNT_FREE
        if coordinate != "heading" and (part in _PARTS) != free:
            needs = f"is free: say {joint}.x, {joint}.y or {joint}.z" if free else "is not free and has no parts"
            raise UserError(f"body {self.name}: coordinates.{coordinate}: joint {joint!r} {needs}")
        offset = _PARTS.index(part) if part else 0
        return int(self.model.jnt_qposadr[index]) + offset, int(self.model.jnt_dofadr[index]) + offset

    def turns_by_quaternion(self) -> bool:
        """Whether the heading is that of a free joint."""
        index = mujoco.mj_name2id(self.model, mujoco.mjtObj.mjOBJ_JOINT, self.coordinates.heading or "")
        return index >= 0 and self.model.jnt_type[index] == mujoco.mjtJoint.mjJNT_FREE

    def orientation_address(self) -> int:
        """Index into qpos of the quaternion of the body's free joint, of which its tilt is read."""
        free = np.flatnonzero(self.model.jnt_type == mujoco.mjtJoint.mjJNT_FREE)
        if not len(free):
            raise UserError(f"body {self.name}: healthy.tilt: the model has no free joint; say healthy.pitch")
        return int(self.model.jnt_qposadr[free[0]]) + 3

    def _of_kinds(self, section: str, said: _Section, default: Mapping[str, Any]) -> dict[str, Any]:
        """What a section says for each kind of the body's space; along both axes of the plane the same."""
        values = {kind: _said(said, default, kind.removesuffix("_y")) for kind in self.space.kinds}
        for kind, value in values.items():
            if value is None:
                raise UserError(f"body {self.name}: {section}.{kind}: missing; tasks={self.asked} asks for it")
        return values


def _said(section: _Section, default: Mapping[str, Any], field: str) -> Any:
    value = getattr(section, field)
    return default.get(field) if value is None else value


def load_body(name: str, asked: AskedFor = "basic") -> Body:
    """Read and check a body by name or path; ``asked`` is ``basic`` (velocity and goal) or ``all`` kinds of tasks.

    Raises:
        UserError: no such body, a field missing or out of range, or a model that does not load.
    """
    path = body_path(name)
    try:
        body = Body.model_validate({**read_toml(path), "folder": path.parent, "asked": asked})
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise UserError(f"{path.name}: {field}: {_line(first['msg'])}") from error
    for position in body.space.positions:
        body.joint_addresses(position)
    if body.coordinates.heading is not None:
        body.joint_addresses("heading")
    if body.healthy is not None and body.healthy.tilt is not None:
        body.orientation_address()
    _ = body.task_ranges, body.command_limits  # what is missing there is said here
    return body


def _line(message: object) -> str:
    return ", ".join(line.rstrip(":") for line in str(message).strip().splitlines())
