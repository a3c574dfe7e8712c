"""A body at play: an agent that follows whatever reward a person gives, one control step at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mujoco
import numpy as np

from envs.body import Body
from envs.errors import UserError
from envs.formula import Formula
from envs.gym_body import agent_observation
from envs.stepper import Stepper
from envs.tasks import COORDINATE_OF_KIND, KINDS, UNITS, Tasks, reward
from models.agent import TransferAgent
from stages.closure import PROJECT
from stages.pretrained import FOLDER, agent_file, named
from stages.rollouts import one_thread

#: What a formula that gives no number is taken for: standing still.
_NO_NUMBER = -1.0
#: Rewards are kept in here; nothing in training was outside.
_LEAST, _MOST = -10.0, 1.0
#: Seconds that a fallen body lies there.
_LIES = 1.0
_STATE = mujoco.mjtState.mjSTATE_FULLPHYSICS


@dataclass(frozen=True)
class Wish:
    """What is wanted: a task, or a formula for the reward; the agent is told neither."""

    kind: str = ""
    specification: float = 0.0
    formula: Formula | None = None


class Play:
    """One body and its agent, stepped by whoever shows it.

    Args:
        agent: freshly loaded.
        seed: of the starts.
    """

    def __init__(self, agent: TransferAgent, seed: int = 0) -> None:
        self.agent, self.body = agent, agent.body
        self._stepper, self._rng = Stepper(agent.body, 1, threads=1), np.random.default_rng(seed)
        self._geometry = Geometry(agent.body)
        kind = self.body.space.kinds[0]
        self.wish = Wish(kind, self.body.task_ranges[kind][1])
        self.restart()

    def restart(self) -> None:
        """A new episode: the body at the start, nothing believed."""
        self._stepper.reset(self._rng)
        self.agent.reset()
        self._reward, self._seconds, self._fallen_for = 0.0, 0.0, 0.0

    def ask(self, wanted: dict[str, Any]) -> None:
        """Take a wish: ``kind`` and ``specification``, or ``formula``; or ``restart``.

        Raises:
            UserError: what is wrong with it.
        """
        if wanted.get("restart"):
            self.restart()
        elif "formula" in wanted:
            self.wish = Wish(formula=Formula(str(wanted["formula"]), self.body.space.coordinates))
        else:
            self.wish = self._task(wanted.get("kind"), wanted.get("specification"))

    def step(self) -> dict[str, Any]:
        """Advance one control step of ``body.dt`` seconds; all that is to be shown."""
        with one_thread():
            action = self.agent.act(agent_observation(self._stepper)[0], self._reward)
            thought = self.agent.thought()
        fallen = bool(self._stepper.fallen()[0])
        if not fallen:
            self._stepper.step(action.astype(np.float64)[None])
        self._seconds += self.body.dt
        self._fallen_for = self._fallen_for + self.body.dt if fallen else 0.0
        self._reward, number = self._earned()
        shown = {
            "seconds": round(self._seconds, 3),
            "coordinates": _rounded(self._stepper.coordinates()[0]),
            "geoms": self._geometry.places(self._stepper.state[0]),
            "reward": round(self._reward, 4),
            "number": number,
            "fallen": fallen,
            "kind": self.wish.kind,
            "specification": self.wish.specification,
            "base_task": self._base_task(),
            "formula": self.wish.formula.text if self.wish.formula else "",
            "belief": _rounded(thought.probabilities[0]),
            "estimates": _rounded(thought.specification[0]),
            "command": f"{KINDS[int(thought.kind[0])]} {thought.amount[0]:+.2f}",
            "stride": int(thought.stride[0]),
            "left": int(thought.left[0]),
        }
        if self._fallen_for >= _LIES:
            self.restart()
        return shown

    def about(self) -> dict[str, Any]:
        """What does not change: names, ranges, units, and the sizes of what is drawn."""
        space = self.body.space
        return {
            "name": self.agent.about.name,
            "dt": self.body.dt,
            "coordinates": space.coordinates,
            "base_tasks": space.base_tasks,
            "kinds": [
                {
                    "name": kind,
                    "about": COORDINATE_OF_KIND[kind],
                    "unit": UNITS[COORDINATE_OF_KIND[kind]],
                    "range": self.body.task_ranges[kind],
                    "signed": not unsigned,
                }
                for kind, unsigned in zip(space.kinds, space.unsigned, strict=True)
            ],
            "plane": "y" in space.positions,
            "radii": self._geometry.radii,
            "size": self._geometry.size,
        }

    def _task(self, kind: object, specification: object) -> Wish:
        if kind not in self.body.space.kinds:
            raise UserError(f"kind: no {kind!r}; there are: {', '.join(self.body.space.kinds)}")
        low, high = self.body.task_ranges[str(kind)]
        if not isinstance(specification, int | float) or not math.isfinite(specification) or specification == 0:
            raise UserError(f"specification: a number from {low:g} to {high:g}, either sign")
        size = min(max(abs(specification), low), high)
        signed = not self.body.space.unsigned[self.body.space.kinds.index(str(kind))]
        return Wish(str(kind), math.copysign(size, specification) if signed else size)

    def _earned(self) -> tuple[float, bool]:
        """The reward now, and whether the formula gave a number."""
        coordinates = self._stepper.coordinates()
        if self.wish.formula is None:
            return float(reward(self._tasks(), coordinates)[0]), True
        value = self.wish.formula(dict(zip(self.body.space.coordinates, map(float, coordinates[0]), strict=True)))
        return (min(max(value, _LEAST), _MOST), True) if math.isfinite(value) else (_NO_NUMBER, False)

    def _tasks(self) -> Tasks:
        return Tasks(np.array([KINDS.index(self.wish.kind)]), np.array([self.wish.specification]), self.body.space)

    def _base_task(self) -> int | None:
        return None if self.wish.formula else int(self._tasks().base_task[0])


class Geometry:
    """A body's geoms as thick lines, which a page draws without OpenGL: both ends (m) of each, and its radius (m)."""

    def __init__(self, body: Body) -> None:
        self._model, self._data = body.model, mujoco.MjData(body.model)
        self._shown = np.flatnonzero(self._model.geom_bodyid > 0)
        lengths = [_line(self._model, int(index)) for index in self._shown]
        self._axis, self._half = np.array([axis for axis, _, _ in lengths]), np.array([half for _, half, _ in lengths])
        self.radii = _rounded([radius for _, _, radius in lengths])
        places = np.array(self.places(self._model_start())).reshape(-1, 3)
        #: Largest side (m) of the body in its own pose.
        self.size = round(float((places.max(axis=0) - places.min(axis=0)).max()) + 2 * max(self.radii), 3)

    def places(self, state: np.ndarray) -> list[float]:
        """(6 geoms,): both ends of every line in a state of the physics."""
        mujoco.mj_setState(self._model, self._data, state, _STATE)
        mujoco.mj_kinematics(self._model, self._data)
        turned = self._data.geom_xmat[self._shown].reshape(-1, 3, 3)
        along = turned[np.arange(len(self._shown)), :, self._axis] * self._half[:, None]
        centre = self._data.geom_xpos[self._shown]
        return _rounded(np.concatenate([centre - along, centre + along], axis=1).ravel())

    def _model_start(self) -> np.ndarray:
        state = np.empty(mujoco.mj_stateSize(self._model, _STATE))
        mujoco.mj_getState(self._model, mujoco.MjData(self._model), state, _STATE)
        return state


def _line(model: mujoco.MjModel, index: int) -> tuple[int, float, float]:
    """Axis, half length (m) and radius (m) of the thick line that stands for a geom."""
    kind, size = int(model.geom_type[index]), model.geom_size[index]
    if kind in (int(mujoco.mjtGeom.mjGEOM_CAPSULE), int(mujoco.mjtGeom.mjGEOM_CYLINDER)):
        return 2, float(size[1]), float(size[0])
    if kind in (int(mujoco.mjtGeom.mjGEOM_BOX), int(mujoco.mjtGeom.mjGEOM_ELLIPSOID)):
        axis, radius = int(size.argmax()), float(np.sort(size)[1])
        return axis, max(float(size[axis]) - radius, 0.0), radius
    return 2, 0.0, float(size[0]) or float(model.geom_rbound[index])


def find(body: str, file: str | None) -> TransferAgent:
    """The agent that ``file`` names; else the packed one of a body; else the newest in the store.

    Raises:
        UserError: there is none.
    """
    if file or (PROJECT / FOLDER / f"{body}.agent").is_file():
        return TransferAgent.load(named(file) if file else agent_file(body))
    from stages.agent_source import collect
    from stages.store import Store

    with TemporaryDirectory(prefix="agent-") as name:
        collect(Store(), body, Path(name) / "agent")
        return TransferAgent.load(Path(name) / "agent")


def _rounded(values: Sequence[float] | np.ndarray) -> list[float]:
    """Four digits are more than a page shows."""
    return np.asarray(values, dtype=np.float64).round(4).tolist()
