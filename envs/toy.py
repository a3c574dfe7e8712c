"""The toy: a point whose velocity is commanded directly, on a line, in a plane, or with a height and a pitch.

One decision of h = 0.1 s applies to every degree of freedom a force F a against a drag D v on a unit mass, with
h D = 1, so that the drag eats the whole velocity in one step and the law collapses to v' = top a, p' = p + h v'. The
height is special: the point hops by itself between the floor and ``HOP``, up and then down, and its action, from 0
to 1, sets how fast, so that a deterministic policy can choose any jump. Randomisation makes the toy as unclean as a
body: a decision may last several steps, the velocity may lag behind, and what is read may be noisy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box

from envs.tasks import LINE, SPACES, TOY_RANGES, TOY_STEP, Floats, Ints, Space, Tasks, reward, sample_tasks

HOP = 1.0  # m, where the point turns round
EPISODE = 200  # decisions
_SWAY = 0.1  # largest oscillation of a velocity, share of the top speed


def law(space: Space, coordinates: Floats, actions: Floats) -> Floats:
    """Next coordinates (..., coordinates) of the clean toy under actions (..., positions) in [-1, 1]."""
    wanted = wanted_velocity(space, coordinates, np.clip(actions, -1.0, 1.0))
    position = coordinates[..., : len(space.positions)] + TOY_STEP * wanted
    return turned_round(space, np.concatenate([position, wanted], axis=-1))


def wanted_velocity(space: Space, coordinates: Floats, actions: Floats) -> Floats:
    """Velocities (..., positions) that actions (..., positions) ask for; the height moves on the way it goes."""
    wanted = space.top_speeds * actions
    if "z" in space.positions:
        i = space.positions.index("z")
        z, vz = coordinates[..., i], coordinates[..., len(space.positions) + i]
        rises = np.where(z <= 0.0, True, np.where(z >= HOP, False, vz >= 0.0))
        wanted[..., i] = np.where(rises, 1.0, -1.0) * np.maximum(wanted[..., i], 0.0)
    return wanted


def turned_round(space: Space, coordinates: Floats) -> Floats:
    """The same coordinates with heights beyond floor and ``HOP`` mirrored, as often as needed, and their speeds."""
    if "z" in space.positions:
        i = space.positions.index("z")
        phase = np.mod(coordinates[..., i], 2.0 * HOP)
        over = phase > HOP
        coordinates[..., i] = np.where(over, 2.0 * HOP - phase, phase)
        coordinates[..., len(space.positions) + i] *= np.where(over, -1.0, 1.0)
    return coordinates


@dataclass(frozen=True)
class Randomisation:
    """How unclean each toy of a batch is; all arrays (n,).

    Attributes:
        stride: law steps per decision, at least 1.
        lag: share of the old velocity that survives a step, below 1; 0 is the clean law.
        noise: standard deviation added to what the law gives, in each coordinate's unit.
        sway: amplitude of a velocity oscillation on top, as a gait has, in top speeds.
        scale: share of the law's travel and speed that the body achieves.
    """

    stride: Ints
    lag: Floats
    noise: Floats
    sway: Floats
    scale: Floats

    @staticmethod
    def none(n: int) -> Randomisation:
        """n clean toys."""
        zero = np.zeros(n)
        return Randomisation(np.ones(n, dtype=np.int64), zero, zero, zero, np.ones(n))

    @staticmethod
    def sample(rng: np.random.Generator, n: int, clean: float, noise: float, stride: int, lag: float) -> Randomisation:
        """n toys of which a share ``clean`` follows the law; the others reach up to the bounds given."""
        dirty = rng.random(n) >= clean
        return Randomisation(
            stride=np.where(dirty, rng.integers(1, stride + 1, n), 1),
            lag=np.where(dirty, rng.uniform(0.0, lag, n), 0.0),
            noise=np.where(dirty, noise * rng.random(n), 0.0),
            sway=np.where(dirty, _SWAY * rng.random(n), 0.0),
            scale=np.where(dirty, rng.uniform(0.2, 1.5, n), 1.0),
        )


class Toys:
    """n toys, each with its task and randomisation, advanced together.

    Args:
        tasks: who wants what; their space is the toys'.
        rng: source of starts and noise.
        randomisation: how unclean; clean when absent.
    """

    def __init__(self, tasks: Tasks, rng: np.random.Generator, randomisation: Randomisation | None = None) -> None:
        self.tasks, self.rng, self.space = tasks, rng, tasks.space
        self.randomisation = randomisation or Randomisation.none(len(tasks))
        shape = (len(tasks), len(self.space.positions))
        start = np.concatenate([rng.uniform(-0.01, 0.01, shape), 0.1 * rng.standard_normal(shape)], axis=-1)
        self.coordinates: Floats = turned_round(self.space, start)

    def step(self, actions: Floats) -> tuple[Floats, Floats]:
        """One decision with actions (n, positions); returns next coordinates (n, coordinates) and rewards (n,)."""
        self.coordinates = self._advance(np.clip(actions, -1.0, 1.0))
        return self.coordinates, reward(self.tasks, self.coordinates)

    def _advance(self, actions: Floats) -> Floats:
        r, (position, v) = self.randomisation, np.split(self.coordinates, 2, axis=-1)
        stride, lag = r.stride[:, None], r.lag[:, None]
        wanted = wanted_velocity(self.space, self.coordinates, r.scale[:, None] * actions)
        # The velocity approaches what is wanted geometrically; sums over the stride are closed.
        survives = lag**stride
        slack = (v - wanted) * lag * (1.0 - survives) / (1.0 - lag)
        position = position + TOY_STEP * (stride * wanted + slack)
        sway = r.sway[:, None] * self.space.top_speeds * np.sin(self.rng.uniform(0.0, 2 * np.pi, v.shape))
        after = np.concatenate([position, wanted + survives * (v - wanted) + sway], axis=-1)
        return turned_round(self.space, after + r.noise[:, None] * self.rng.standard_normal(after.shape))


class ToyEnv(gymnasium.Env[Floats, Floats]):
    """One clean toy as a gymnasium environment; the task is drawn on reset and told in ``info``.

    Args:
        space: ``line``, ``plane`` or ``posture``.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 (gymnasium's own interface)

    def __init__(self, space: str = LINE.name) -> None:
        self._space = SPACES[space]
        self.observation_space = Box(-np.inf, np.inf, (len(self._space.coordinates),), np.float64)
        self.action_space = Box(-1.0, 1.0, (len(self._space.positions),), np.float64)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Floats, dict[str, Any]]:
        super().reset(seed=seed)
        tasks = sample_tasks(self.np_random, 1, TOY_RANGES, self._space)
        self._toys, self._age = Toys(tasks, self.np_random), 0
        return self._toys.coordinates[0].copy(), {"task": tasks.labels()[0]}

    def step(self, action: Floats) -> tuple[Floats, float, bool, bool, dict[str, Any]]:
        coordinates, rewards = self._toys.step(np.asarray(action, dtype=np.float64)[None])
        self._age += 1
        return coordinates[0].copy(), float(rewards[0]), False, self._age >= EPISODE, {}
