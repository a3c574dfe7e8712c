"""A frozen toy encoder for rewards that are minus an absolute error of speed, -|v - v*|, instead of a relative one."""

from __future__ import annotations

import torch
from torch import Tensor

from envs.tasks import KINDS, TOY_STEP, VELOCITY
from models.encoder import Belief, Encoder
from models.heads import TaskHead

#: m/s at which the frame moves backwards, and what a metre per second of the body looks like in it: speeds from 0 to
#: 3 m/s look like 2 to 3, which the toy was trained on, and none of them is near 0, where relative rewards explode.
_DRIFT, _SCALE = 2.0, 1.0 / 3.0
#: Times that a belief and the rewards that follow from it are brought in line.
_ROUNDS = 3


class MovingFrame:
    """Beliefs about the speeds asked of n bodies, seen from a frame that moves backwards.

    The toy's reward is the error divided by what is asked for. Here nobody divides; the reader does so, by the speed
    that is believed in, and infers again. What is believed comes to rest where both agree, as an error of the divisor
    weighs less the nearer the body is to its speed.
    """

    def __init__(self, encoder: Encoder, head: TaskHead, n: int) -> None:
        self._encoder, self._head = encoder, head
        self._belief = encoder.start(n)
        space = encoder.space
        self._place = space.kinds.index(KINDS[VELOCITY])
        self._columns = [space.coordinates.index("x"), space.coordinates.index("vx")]
        self._size = len(space.coordinates)
        self._here = torch.zeros(n, self._size)
        self._here[:, self._columns[1]] = _DRIFT
        self._asked = self._estimate(encoder.infer(self._belief).mean)

    @property
    def speed(self) -> Tensor:
        """(n,) m/s: the speed that is believed to be asked for."""
        return (self._asked - _DRIFT) / _SCALE

    def observe(self, speed: Tensor, error: Tensor) -> None:
        """Take in the speeds (n,) that a control step reached and their errors |v - v*| (n,), both in m/s."""
        there = self._here.clone()
        seen = _DRIFT + _SCALE * speed
        there[:, self._columns] = torch.stack([self._here[:, self._columns[0]] + TOY_STEP * seen, seen], dim=1)
        transition = torch.cat([self._here, -_SCALE * error[:, None], there], dim=1)
        self._belief, self._here = self._encoder.update(self._belief, transition), there
        for _ in range(_ROUNDS):
            self._asked = self._estimate(self._encoder.infer(self._relative()).mean)

    def _relative(self) -> Belief:
        """The belief with every reward divided by what is believed now."""
        window = self._belief.window.clone()
        window[..., self._size] /= self._asked[:, None]
        return Belief(window, self._belief.length)

    def _estimate(self, z: Tensor) -> Tensor:
        """Speeds (n,) in the frame, within what can be asked for, out of latents (n, latent)."""
        return self._head(z)[1][:, self._place].clamp(_DRIFT, _DRIFT + 1.0)
