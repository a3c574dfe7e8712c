"""The part of ``mujoco.rollout`` that the project uses."""

from collections.abc import Sequence

import numpy as np
from mujoco import MjData, MjModel
from numpy.typing import NDArray

class Rollout:
    def __init__(self, *, nthread: int | None = None) -> None: ...
    def rollout(
        self,
        model: MjModel | Sequence[MjModel],
        data: MjData | Sequence[MjData],
        initial_state: NDArray[np.float64],
        control: NDArray[np.float64] | None = None,
        *,
        skip_checks: bool = False,
        nstep: int | None = None,
        state: NDArray[np.float64] | None = None,
    ) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]: ...
