"""Scores of episodes by the evaluation protocol, and their aggregates with bootstrap intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from envs.tasks import Floats, Ints, Tasks, active_coordinate

_SMOOTHING = 2.0  # decisions, as in the published figures
_WORST = 2.0
_FALLEN = 1.0
SUCCESS = 0.10
#: Confidence of the intervals, as percentiles.
_INTERVAL = (2.5, 97.5)


@dataclass(frozen=True)
class Errors:
    """Mean relative errors of episodes (n,): over the second half smoothed and raw, and over the whole."""

    settled: Floats
    raw: Floats
    whole: Floats


def episode_errors(tasks: Tasks, coordinates: Floats, fallen: np.ndarray) -> Errors:
    """From coordinates (decisions, n, 2) at decision ends and whether a body had fallen by then (decisions, n)."""
    values = active_coordinate(tasks, coordinates)
    half = len(values) // 2
    raw, smooth = _relative(tasks, values, fallen), relative_errors(tasks, coordinates, fallen)
    return Errors(smooth[half:].mean(axis=0), raw[half:].mean(axis=0), raw.mean(axis=0))


def relative_errors(tasks: Tasks, coordinates: Floats, fallen: np.ndarray) -> Floats:
    """(decisions, n): errors of the coordinate smoothed over decisions, relative to the specification, at most 2."""
    smooth = gaussian_filter1d(active_coordinate(tasks, coordinates), _SMOOTHING, axis=0, mode="nearest")
    return _relative(tasks, smooth, fallen)


def _relative(tasks: Tasks, values: Floats, fallen: np.ndarray) -> Floats:
    finite = np.nan_to_num(values, nan=np.inf, posinf=np.inf, neginf=-np.inf)
    error = np.minimum(np.abs(finite - tasks.specification) / np.abs(tasks.specification), _WORST)
    return np.where(fallen, np.maximum(error, _FALLEN), error)


def mean_speed_errors(tasks: Tasks, ways: Floats, seconds: Floats, fallen: np.ndarray) -> Floats:
    """(n,): relative error of the mean speed over the second half, from where it began and ended.

    Velocities read at the ends of decisions, which the agent chooses, may be moments that flatter. NaN for tasks that
    do not ask for a way to be covered.

    Args:
        ways: positions (decisions, n, positions) at the ends of decisions, with all turns made.
        seconds: (decisions, n) since the start.
        fallen: (decisions, n) bool.
    """
    place, last = tasks.space.place(tasks.kind), len(ways) - 1
    positions = ways[..., np.arange(len(tasks)), tasks.space.moves[place]]
    half = last // 2
    speed = (positions[last] - positions[half]) / np.maximum(seconds[last] - seconds[half], 1e-9)
    asked = tasks.space.velocity_like[place] & ~tasks.space.unsigned[place]
    return np.where(asked, _relative(tasks, speed[None], fallen[last:])[0], np.nan)


def decisions_to_identify(correct: np.ndarray) -> Ints:
    """(n,): the decision from which the base task (decisions, n) is right and stays so; one past the end if never."""
    wrong = ~correct
    last_wrong = len(wrong) - np.argmax(wrong[::-1], axis=0)
    return np.where(wrong.any(axis=0), last_wrong, 0) + 1


def specification_r2(tasks: Tasks, estimates: Floats) -> float:
    """Coefficient of determination of specification estimates (n,), mean over the kinds present."""
    scores = []
    for kind in np.unique(tasks.kind):
        rows = tasks.kind == kind
        truth = tasks.specification[rows]
        spread = ((truth - truth.mean()) ** 2).sum()
        scores.append(1.0 - ((truth - estimates[rows]) ** 2).sum() / max(float(spread), 1e-12))
    return float(np.mean(scores))


def aggregate(values: Floats, resamples: int) -> dict[str, float]:
    """Mean, median, interquartile mean and its bootstrap 95 % interval over episodes (n,)."""
    rng = np.random.default_rng(0)
    draws = values[rng.integers(0, len(values), (resamples, len(values)))]
    low, high = np.percentile(_interquartile_mean(draws), _INTERVAL)
    return {
        "mean": float(values.mean()),
        "median": float(np.median(values)),
        "iqm": float(_interquartile_mean(values)),
        "low": float(low),
        "high": float(high),
    }


def _interquartile_mean(values: Floats) -> Floats:
    """(...,): mean over the last axis without its lowest and highest quarter."""
    cut = values.shape[-1] // 4
    return np.sort(values)[..., cut : values.shape[-1] - cut].mean(axis=-1)
