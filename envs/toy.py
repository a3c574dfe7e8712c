"""The toy: a point on a line whose velocity is commanded directly.

One decision of h = 0.1 s applies a force 50 a against a drag 10 v on a unit mass, so that the drag eats the whole
velocity in one step and the law collapses to v' = 5 a, x' = x + 0.5 a. Randomisation makes it as unclean as a body:
a decision may last several steps, the velocity may lag behind, and what is read may be noisy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box

from envs.tasks import TOY_RANGES, Floats, Ints, Tasks, reward, sample_tasks

STEP = 0.1  # s per decision
FORCE, DRAG, TOP_SPEED = 50.0, 10.0, 5.0  # N, N s/m, m/s
EPISODE = 200  # decisions


def law(coordinates: Floats, actions: Floats) -> Floats:
    """Next (x, vx) (..., 2) of the clean toy under actions (...,) in [-1, 1]."""
    x, v = coordinates[..., 0], coordinates[..., 1]
    force = FORCE * np.clip(actions, -1.0, 1.0)
    v = np.clip(v + STEP * (force - DRAG * v), -TOP_SPEED, TOP_SPEED)
    return np.stack([x + STEP * v, v], axis=-1)


@dataclass(frozen=True)
class Randomisation:
    """How unclean each toy of a batch is; all arrays (n,).

    Attributes:
        stride: law steps per decision, at least 1.
        lag: share of the old velocity that survives a step, below 1; 0 is the clean law.
        noise: standard deviation added to what the law gives, m and m/s.
        sway: amplitude of a velocity oscillation on top, m/s, as a gait has.
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
            sway=np.where(dirty, 0.5 * rng.random(n), 0.0),
            scale=np.where(dirty, rng.uniform(0.2, 1.5, n), 1.0),
        )


class Toys:
    """n toys, each with its task and randomisation, advanced together.

    Args:
        tasks: who wants what.
        rng: source of starts and noise.
        randomisation: how unclean; clean when absent.
    """

    def __init__(self, tasks: Tasks, rng: np.random.Generator, randomisation: Randomisation | None = None) -> None:
        self.tasks, self.rng = tasks, rng
        self.randomisation = randomisation or Randomisation.none(len(tasks))
        n = len(tasks)
        self.coordinates: Floats = np.stack([rng.uniform(-0.01, 0.01, n), 0.1 * rng.standard_normal(n)], axis=-1)

    def step(self, actions: Floats) -> tuple[Floats, Floats]:
        """One decision; returns next coordinates (n, 2) and rewards (n,)."""
        self.coordinates = self._advance(np.clip(actions, -1.0, 1.0))
        return self.coordinates, reward(self.tasks, self.coordinates)

    def _advance(self, actions: Floats) -> Floats:
        r, (x, v) = self.randomisation, self.coordinates.T
        wanted = law(self.coordinates, r.scale * actions)[:, 1]
        # The velocity approaches what is wanted geometrically; sums over the stride are closed.
        survives = r.lag**r.stride
        slack = (v - wanted) * r.lag * (1.0 - survives) / (1.0 - r.lag)
        x = x + STEP * (r.stride * wanted + slack)
        c = np.stack([x, wanted + survives * (v - wanted)], axis=-1)
        n = len(actions)
        sway = r.sway * np.sin(self.rng.uniform(0.0, 2 * np.pi, n))
        return c + r.noise[:, None] * self.rng.standard_normal((n, 2)) + np.stack([np.zeros(n), sway], axis=-1)


class ToyEnv(gymnasium.Env[Floats, Floats]):
    """One clean toy as a gymnasium environment; the task is drawn on reset and told in ``info``."""

    metadata = {"render_modes": []}  # noqa: RUF012 (gymnasium's own interface)

    def __init__(self) -> None:
        self.observation_space = Box(-np.inf, np.inf, (2,), np.float64)
        self.action_space = Box(-1.0, 1.0, (1,), np.float64)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Floats, dict[str, Any]]:
        super().reset(seed=seed)
        tasks = sample_tasks(self.np_random, 1, TOY_RANGES)
        self._toys, self._age = Toys(tasks, self.np_random), 0
        return self._toys.coordinates[0].copy(), {"task": tasks.labels()[0]}

    def step(self, action: Floats) -> tuple[Floats, float, bool, bool, dict[str, Any]]:
        coordinates, rewards = self._toys.step(np.asarray(action, dtype=np.float64))
        self._age += 1
        return coordinates[0].copy(), float(rewards[0]), False, self._age >= EPISODE, {}
