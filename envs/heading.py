"""Which way a body faces, in the plane and in pitch, and its state as it looks from there: a gait is learnt once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from envs.body import Body
from envs.tasks import Floats


@dataclass(frozen=True)
class Heading:
    """Where the heading is in a state (time, positions, velocities).

    Attributes:
        turned: column of the hinge's angle, or the first of the free joint's quaternion.
        quaternion: whether it is a free joint.
        velocity: columns of the velocity along x and y.
    """

    turned: int
    quaternion: bool
    velocity: tuple[int, int]

    @staticmethod
    def of(body: Body) -> Heading | None:
        """The heading of a body that moves in the plane and says what turns it."""
        if body.coordinates.heading is None or body.coordinates.y is None:
            return None
        free = body.turns_by_quaternion()
        turned = 1 + body.joint_addresses("heading")[0] + (3 if free else 0)
        vx, vy = (1 + body.model.nq + body.joint_addresses(name)[1] for name in ("x", "y"))
        return Heading(turned, free, (vx, vy))

    def angle(self, state: Floats) -> Floats:
        """(n,) rad in states (n, columns)."""
        if not self.quaternion:
            return state[:, self.turned]
        w, x, y, z = self._quaternion(state)
        return np.arctan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))

    def removed(self, state: Floats) -> Floats:
        """Copies of states (n, columns) turned so that they face along x."""
        turned = state.copy()
        self.turn(turned, -self.angle(state))
        return turned

    def turn(self, state: Floats, angle: Floats) -> None:
        """Turn bodies in states (n, columns) about the vertical by angles (n,) rad, in place."""
        vx, vy = (state[:, column].copy() for column in self.velocity)
        state[:, self.velocity[0]], state[:, self.velocity[1]] = rotated(vx, vy, angle)
        if not self.quaternion:
            state[:, self.turned] += angle
            return
        w, x, y, z = self._quaternion(state)
        c, s = np.cos(angle / 2), np.sin(angle / 2)
        product = np.stack([c * w - s * z, c * x - s * y, c * y + s * x, c * z + s * w], axis=1)
        # Two quaternions say the same; the one with a positive real part changes smoothly here.
        state[:, self.turned : self.turned + 4] = product * np.where(product[:, :1] < 0, -1.0, 1.0)

    def _quaternion(self, state: Floats) -> Floats:
        return state[:, self.turned : self.turned + 4].T


def rotated(x: Floats, y: Floats, angle: Floats) -> tuple[Floats, Floats]:
    """Components (n,) of plane vectors turned by angles (n,) rad."""
    c, s = np.cos(angle), np.sin(angle)
    return c * x - s * y, s * x + c * y


def tilt(quaternions: Floats) -> Floats:
    """(n,) rad from upright, whichever way, of orientations (n, 4)."""
    _, x, y, _ = quaternions.T
    return np.arccos(np.clip(1.0 - 2.0 * (x * x + y * y), -1.0, 1.0))


def within_a_turn(angle: Floats) -> Floats:
    """The same angles (n,) rad in [-pi, pi)."""
    return np.remainder(angle + np.pi, 2.0 * np.pi) - np.pi
