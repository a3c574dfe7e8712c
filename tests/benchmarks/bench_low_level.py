"""The low level under true commands, on seeds that no stage uses."""

from __future__ import annotations

import numpy as np
import pytest

from envs.body import load_body
from envs.tasks import GOAL, VELOCITY, Floats
from envs.tracking import Tracking, track
from models.controller import Controller
from stages.plan import Node, Settings
from tests.benchmarks.conftest import Runs
from tests.benchmarks.table import Recorder

_SEEDS = range(70_001, 70_006)
_REPEATS = 2


@pytest.fixture(scope="module")
def trackings(runs: Runs, settings: Settings) -> list[Tracking]:
    """Every measured command, seed by seed."""
    body = load_body(settings.body)
    controller = Controller.load(runs(Node("low_level")).artifact.folder)
    return [track(body, controller.act, seed, _REPEATS) for seed in _SEEDS]


@pytest.mark.parametrize(
    ("what", "kind", "averaged", "bar"),
    [
        ("goal error", GOAL, False, 0.05),
        ("velocity error, mean over 0.5 s", VELOCITY, True, 0.08),
        ("velocity error, instantaneous", VELOCITY, False, 0.15),
    ],
)
def test_tracking(
    trackings: list[Tracking], record: Recorder, what: str, kind: int, averaged: bool, bar: float
) -> None:
    amounts = trackings[0].amount[trackings[0].kind == kind]
    errors = np.stack([_errors(tracking, kind, averaged) for tracking in trackings])
    by_command = {amount: float(errors[:, amounts == amount].mean()) for amount in amounts}
    worst = max(by_command, key=by_command.__getitem__)
    by_seed = errors.mean(axis=1)
    span = f"{by_seed.min():.4g} to {by_seed.max():.4g} over {len(_SEEDS)} seeds"
    note = f"{span}; worst command {by_command[worst]:.4g} at {worst:+.2g}"
    record.at_most(f"low level, {what}", bar, float(errors.mean()), note=note)


def _errors(tracking: Tracking, kind: int, averaged: bool) -> Floats:
    return (tracking.mean_error if averaged else tracking.error)[tracking.kind == kind]
