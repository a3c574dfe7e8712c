"""Physics of many bodies of one kind at once, on ``mujoco.rollout``: threads in C++, no Python per body."""

from __future__ import annotations

import os
from functools import cached_property

import mujoco
import mujoco.rollout
import numpy as np

from envs.body import Body
from envs.heading import Heading, tilt, within_a_turn
from envs.tasks import Floats

_STATE = mujoco.mjtState.mjSTATE_FULLPHYSICS
#: What the default takes at most: there may be a hundred bodies, of a fraction of a millisecond each.
_THREADS = 8


class Stepper:
    """n copies of a body, advanced together or any subset of them.

    Args:
        body: the description.
        n: how many copies.
        threads: C++ threads, by default one per core; the trajectories do not depend on it.
    """

    def __init__(self, body: Body, n: int, threads: int | None = None) -> None:
        self.body, self.n, self.model = body, n, body.model
        self.nq, self.nv, self.nu = self.model.nq, self.model.nv, self.model.nu
        self._datas = [mujoco.MjData(self.model) for _ in range(threads or min(os.cpu_count() or 1, _THREADS))]
        self._rollout = mujoco.rollout.Rollout(nthread=len(self._datas))
        self._models = [self.model] * n
        self._start = np.empty(mujoco.mj_stateSize(self.model, _STATE))
        mujoco.mj_getState(self.model, self._datas[0], self._start, _STATE)
        self.state: Floats = np.tile(self._start, (n, 1))
        limited = self.model.actuator_ctrllimited[:, None].astype(bool)
        self._control_low, self._control_high = np.where(limited, self.model.actuator_ctrlrange, (-1.0, 1.0)).T
        self._toy_index = self._columns(body.space.positions)
        self._healthy = self._healthy_ranges()
        self._heading = Heading.of(body)
        places = self._columns(self._ground)[: len(self._ground)]
        self._observed = np.delete(np.arange(1, 1 + self.nq + self.nv), places - 1)
        self._turning = 1 + body.joint_addresses("pitch")[0] if "pitch" in body.space.positions else None

    @property
    def observation_size(self) -> int:
        """Features of ``observation``."""
        return self.observation(slice(0, 1)).shape[1]

    def reset(self, rng: np.random.Generator, rows: np.ndarray | slice = slice(None)) -> None:
        """Put some copies back to the model's own pose with a little noise, whatever way they face."""
        self.state[rows] = self._start
        count, noise = len(self.state[rows]), self.body.reset_noise
        fresh = self.state[rows]
        fresh[:, 1 : 1 + self.nq] += rng.uniform(-noise, noise, (count, self.nq))
        fresh[:, 1 + self.nq : 1 + self.nq + self.nv] += noise * rng.standard_normal((count, self.nv))
        for first in self._quaternions:
            fresh[:, first : first + 4] /= np.linalg.norm(fresh[:, first : first + 4], axis=1, keepdims=True)
        if self._heading is not None:
            self._heading.turn(fresh, rng.uniform(-np.pi, np.pi, count))
        self.state[rows] = fresh

    def tumble(self, rng: np.random.Generator, rows: np.ndarray, rate: float, calm: int = 0) -> None:
        """Give some copies (mask) any pitch, and a pitch rate of at most ``rate`` (rad/s) either way.

        Args:
            calm: 0 for all rates alike; the more, the nearer to rest most of them are.
        """
        position, velocity = self.body.joint_addresses("pitch")
        count = int(rows.sum())
        self.state[rows, 1 + position] = rng.uniform(-np.pi, np.pi, count)
        self.state[rows, 1 + self.nq + velocity] = rate * rng.uniform(-1.0, 1.0, count) ** (2 * calm + 1)

    def step(self, actions: Floats, rows: np.ndarray | None = None) -> None:
        """One control step (frame_skip physics steps) with actions (n or len(rows), nu) in [-1, 1]."""
        before = self.state if rows is None else self.state[rows]
        centre, half = (self._control_high + self._control_low) / 2, (self._control_high - self._control_low) / 2
        control = centre + half * np.clip(actions, -1.0, 1.0)
        states = np.empty((len(before), self.body.steps_per_control, before.shape[1]))
        self._rollout.rollout(
            self._models[: len(before)],
            self._datas,
            before,
            np.repeat(control[:, None, :], self.body.steps_per_control, axis=1),
            skip_checks=True,
            nstep=self.body.steps_per_control,
            state=states,
        )
        if rows is None:
            self.state = states[:, -1].copy()
        else:
            self.state[rows] = states[:, -1]

    def observation(self, rows: np.ndarray | slice = slice(None)) -> Floats:
        """(n, features): joint positions without the place on the ground, then joint velocities.

        Of a body that turns in the plane, as it looks from its own heading; of one that flips, whatever turns it has
        made.
        """
        state = self.state[rows] if self._heading is None else self._heading.removed(self.state[rows])
        if self._turning is not None:
            state = state.copy()
            state[:, self._turning] = within_a_turn(state[:, self._turning])
        return state[:, self._observed]

    def coordinates(self, rows: np.ndarray | slice = slice(None)) -> Floats:
        """(n, coordinates): toy coordinates of the body's space, m, rad and per second; pitches within a turn.

        A body that tumbled once and looks where it is asked to would have to unwind the turn, and its agent, whose toy
        turns either way as easily, would have it do so through the pitches where no body can hold itself.
        """
        coordinates = self.state[rows][:, self._toy_index]
        if self._turning is not None:
            column = self.body.space.positions.index("pitch")
            coordinates[:, column] = within_a_turn(coordinates[:, column])
        return coordinates

    def ways(self, rows: np.ndarray | slice = slice(None)) -> Floats:
        """(n, positions): the positions among the toy coordinates, with all turns made."""
        return self.state[rows][:, self._toy_index[: len(self.body.space.positions)]]

    def heading(self, rows: np.ndarray | slice = slice(None)) -> Floats:
        """(n,) rad: which way the body faces; 0 along the track."""
        state = self.state[rows]
        return np.zeros(len(state)) if self._heading is None else self._heading.angle(state)

    def fallen(self, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """(n,) bool: outside the healthy ranges, or no longer finite."""
        return np.logical_not(np.isfinite(self.state[rows]).all(axis=1)) | (self.strain(rows) > 1.0)

    def overturned(self) -> np.ndarray:
        """(n,) bool: more on its back than on its feet, as far as a pitch tells."""
        if self.body.coordinates.pitch is None:
            return np.zeros(self.n, dtype=bool)
        return np.cos(self.state[:, 1 + self.body.joint_addresses("pitch")[0]]) < 0.0

    def strain(self, rows: np.ndarray | slice = slice(None)) -> Floats:
        """(n,): how near the edge of its healthy ranges each body is: 0 in their middle, 1 where it falls."""
        state, ranges = self.state[rows], self.body.healthy
        worst = np.zeros(len(state))
        for column, (low, high) in self._healthy:
            worst = np.maximum(worst, np.abs(2.0 * state[:, column] - low - high) / (high - low))
        if ranges is not None and ranges.tilt is not None:
            first = 1 + self.body.orientation_address()
            worst = np.maximum(worst, tilt(state[:, first : first + 4]) / ranges.tilt)
        return worst

    @cached_property
    def _quaternions(self) -> list[int]:
        """First columns of the orientations of free and ball joints."""
        free, ball = mujoco.mjtJoint.mjJNT_FREE, mujoco.mjtJoint.mjJNT_BALL
        skips = {int(free): 3, int(ball): 0}
        joints = zip(self.model.jnt_type, self.model.jnt_qposadr, strict=True)
        return [1 + int(address) + skips[int(kind)] for kind, address in joints if int(kind) in skips]

    @property
    def _ground(self) -> tuple[str, ...]:
        return ("x",) if self.body.coordinates.y is None else ("x", "y")

    def _columns(self, positions: tuple[str, ...]) -> np.ndarray:
        """Columns of the state that hold some positions, then their velocities."""
        qpos, qvel = np.array([self.body.joint_addresses(name) for name in positions]).T
        return np.concatenate([1 + qpos, 1 + self.nq + qvel])

    def _healthy_ranges(self) -> list[tuple[int, tuple[float, float]]]:
        ranges = self.body.healthy
        named = [] if ranges is None else [("z", ranges.z), ("pitch", ranges.pitch)]
        return [(1 + self.body.joint_addresses(name)[0], bounds) for name, bounds in named if bounds is not None]
