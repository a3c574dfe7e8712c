"""Body descriptions: one TOML each, checked, with the MuJoCo model they name."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated

import mujoco
import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from envs.body_files import BODIES, body_path, mjcf_path, read_toml
from envs.errors import UserError


def _ordered(bounds: tuple[float, float]) -> tuple[float, float]:
    if not bounds[0] < bounds[1]:
        raise ValueError(f"an empty range: {bounds[0]} is not below {bounds[1]}")
    return bounds


Range = Annotated[tuple[float, float], AfterValidator(_ordered)]
PositiveRange = Annotated[tuple[Annotated[float, Field(gt=0)], float], AfterValidator(_ordered)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class CoordinateMap(_Section):
    """Names of the joints whose position and velocity are the toy coordinates."""

    x: str = Field(description="joint along the track, m")
    z: str | None = Field(None, description="vertical joint, m")
    pitch: str | None = Field(None, description="pitch joint, rad")


class TaskRanges(_Section):
    """Range of |specification| by kind; every task exists forwards and backwards."""

    velocity: PositiveRange = Field(description="m/s")
    goal: PositiveRange = Field(description="m")


class CommandRanges(_Section):
    """Largest |amount| of each command that the low level is trained on, zero included."""

    velocity: float = Field(gt=0, le=20, description="m/s")
    goal: float = Field(gt=0, le=20, description="m, relative to where the body is")


class Healthy(_Section):
    """Outside these ranges a body has fallen and its episode ends."""

    z: Range | None = Field(None, description="m")
    pitch: Range | None = Field(None, description="rad")


class Body(_Section):
    """A body as its TOML describes it."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$", description="short name used on the command line")
    mjcf: str = Field(description="file in gymnasium's MuJoCo assets by name, or a path beside the TOML")
    timestep: float = Field(gt=0, le=0.05, description="physics step, s")
    frame_skip: int = Field(ge=1, le=100, description="physics steps per control step")
    reset_noise: float = Field(0.1, ge=0, le=1, description="spread of the start around the model's own pose")
    coordinates: CoordinateMap
    tasks: TaskRanges
    commands: CommandRanges
    healthy: Healthy | None = None
    training: dict[str, dict[str, float]] = Field({}, description="config fields by stage, in place of the defaults")
    folder: Path = Field(BODIES, exclude=True, description="where the TOML lies; set on reading")

    @property
    def dt(self) -> float:
        """Seconds per control step."""
        return self.timestep * self.frame_skip

    @property
    def mjcf_path(self) -> Path:
        """The MJCF beside the TOML, or gymnasium's own of that name."""
        return mjcf_path(self.folder, self.mjcf)

    @property
    def task_ranges(self) -> dict[str, tuple[float, float]]:
        """Range of |specification| by kind name."""
        return {"velocity": self.tasks.velocity, "goal": self.tasks.goal}

    @property
    def command_limits(self) -> np.ndarray:
        """Largest |amount| by kind id."""
        return np.array([self.commands.velocity, self.commands.goal])

    @cached_property
    def model(self) -> mujoco.MjModel:
        """The compiled model, with this body's timestep."""
        if not self.mjcf_path.exists():
            raise UserError(f"body {self.name}: mjcf: no file {self.mjcf} beside the TOML or in gymnasium's assets")
        try:
            model = mujoco.MjModel.from_xml_path(str(self.mjcf_path))
        except ValueError as error:
            raise UserError(f"body {self.name}: mjcf: {self.mjcf} does not load: {_line(error)}") from error
        model.opt.timestep = self.timestep
        return model

    def joint_addresses(self, coordinate: str) -> tuple[int, int]:
        """Index into qpos and into qvel of a coordinate's joint."""
        joint = getattr(self.coordinates, coordinate)
        index = mujoco.mj_name2id(self.model, mujoco.mjtObj.mjOBJ_JOINT, joint or "")
        if index < 0:
            names = [self.model.joint(i).name for i in range(self.model.njnt)]
            raise UserError(f"body {self.name}: coordinates.{coordinate}: no joint {joint!r}; the model has {names}")
        return int(self.model.jnt_qposadr[index]), int(self.model.jnt_dofadr[index])


def load_body(name: str) -> Body:
    """Read and check a body by name or path.

    Raises:
        UserError: no such body, a field missing or out of range, or a model that does not load.
    """
    path = body_path(name)
    try:
        body = Body.model_validate({**read_toml(path), "folder": path.parent})
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise UserError(f"{path.name}: {field}: {_line(first['msg'])}") from error
    body.joint_addresses("x")
    return body


def _line(message: object) -> str:
    return str(message).strip().splitlines()[0]
