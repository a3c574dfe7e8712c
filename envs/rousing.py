"""Rousing: what lies on its head or back is told how to get up, not what it is asked for, until it is on its way."""

from __future__ import annotations

import numpy as np

from envs.body import Body
from envs.commands import command_features, other_base_tasks
from envs.tasks import FLIP, VELOCITY, Floats

#: Cosine of the pitch (30 degrees) from which on a body lies. None that has learnt to walk holds its back so steep.
_LIES = np.cos(np.radians(30.0))
#: Share of the speed told from which on it is on its way, and of the fastest flip by which it turns over.
_ON_ITS_WAY, _TURNING = 0.5, 0.5


class Rousing:
    """Of bodies on a line that have a pitch and cannot fall: those may lie for good.

    From its head moving a little gets a body nowhere, so that a low level settles there, told a slow speed; told full
    speed, it has learnt to get off. On its back it runs less well, and does not turn over. One that has learnt to flip
    does so, the shorter way, from both.

    Args:
        body: whose low-level observations are told.
    """

    def __init__(self, body: Body) -> None:
        where = body.coordinates
        self.needed = body.healthy is None and where.pitch is not None and where.y is None
        if not self.needed:
            return
        (pitch, _), (place, speed) = (body.joint_addresses(name) for name in ("pitch", "x"))
        self._pitch = pitch - (place < pitch)  # observations leave out the place
        self._speed, self._told = body.model.nq - 1 + speed, -command_features(body)
        self._full, self._rate = body.command_limits[VELOCITY], _TURNING * body.command_limits[FLIP]
        kinds = body.space.kind_ids[body.space.kind_of_base_task[other_base_tasks(body)]]
        #: Columns of the flags of a flip forward and of one backward, if it is asked for any.
        self._flips = self._told + 1 + 2 * np.flatnonzero(kinds == FLIP)

    def __call__(self, seen: Floats) -> Floats:
        """Low-level observations (n, features) as they are to be told."""
        if not self.needed:
            return seen
        told, upright, way = seen[:, self._told], np.cos(seen[:, self._pitch]), -np.sin(seen[:, self._pitch])
        stays = np.sign(told) * seen[:, self._speed] < _ON_ITS_WAY * np.abs(told)
        roused = seen.copy()
        if not len(self._flips):
            roused[:, self._told] = np.where((upright < _LIES) & stays, np.sign(told) * self._full, told)
            return roused
        turns = (told != 0.0) & ((upright < _LIES) & stays | (upright < 0.0))
        roused[turns, self._told] = 0.0
        for flag, sign in zip(self._flips, (1.0, -1.0), strict=True):
            rows = turns & (np.where(way < 0.0, -1.0, 1.0) == sign)
            roused[rows, flag], roused[rows, flag + 1] = 1.0, sign * self._rate
        return roused
