"""The low level under true commands, on seeds that no stage uses."""

from __future__ import annotations

import numpy as np
import pytest

from envs.body import Body, load_body
from envs.commands import Commands, low_level_observation
from envs.practice import sample_commands
from envs.rousing import Rousing
from envs.stepper import Stepper
from envs.tasks import GOAL, VELOCITY, Floats
from envs.tracking import Tracking, track
from models.controller import Controller
from stages.decisions import Act
from stages.plan import Node, Settings
from tests.benchmarks.conftest import Runs
from tests.benchmarks.table import Recorder

_SEEDS = range(70_001, 70_006)
_REPEATS = 2
#: Bodies, seconds of commands, or of actions held, that lead them anywhere, seconds of the one that is measured, and
#: what is standing still.
_BODIES, _LED, _TOLD, _STILL = 300, 3.0, 5.0, 0.1


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


@pytest.mark.parametrize("speed", [1.0, -1.0])
def test_no_posture_is_for_good(runs: Runs, settings: Settings, record: Recorder, speed: float) -> None:
    _no_posture_is_for_good("low level", runs, load_body(settings.body), record, speed)


@pytest.mark.parametrize("speed", [1.0, -1.0])
def test_none_is_where_a_body_can_flip(all_kinds: Runs, settings: Settings, record: Recorder, speed: float) -> None:
    whose, body = "low level, tasks=all", load_body(settings.body, "all")
    overturned = _no_posture_is_for_good(whose, all_kinds, body, record, speed).overturned()
    record.at_most(f"{whose}, on its back though told {speed:+g} m/s, share", 0.01, float(overturned.mean()))


def _no_posture_is_for_good(whose: str, runs: Runs, body: Body, record: Recorder, speed: float) -> Stepper:
    """Bodies led anywhere and told a speed, as they are afterwards."""
    rng = np.random.default_rng(_SEEDS[0])
    act = Controller.load(runs(Node("low_level")).artifact.folder).act
    stepper, fell = Stepper(body, _BODIES), np.zeros(_BODIES, dtype=bool)
    stepper.reset(rng)
    held = np.clip(rng.normal(0.0, 0.7, (_BODIES, stepper.nu)), -1.0, 1.0)
    if body.healthy is None:  # it may lie on its head or back
        stepper.tumble(rng, np.ones(_BODIES, dtype=bool), rate=1.0)
    commands = sample_commands(rng, body, stepper.coordinates())
    for _ in range(round(_LED / body.dt)):
        again = rng.random(_BODIES) < 2.0 * body.dt
        if again.any():
            commands = commands.replaced(again, sample_commands(rng, body, stepper.coordinates(again)))
        stepper.step(act(low_level_observation(stepper, commands)) if body.healthy else held)
        fell |= stepper.fallen()
    before = stepper.overturned().mean()
    told = Commands.relative(body, np.full(_BODIES, VELOCITY), np.full(_BODIES, speed), stepper.coordinates())
    begun, roused = stepper.state.copy(), Rousing(body)
    alone, _ = _still(stepper, act, told, fell.copy())
    stepper.state = begun
    still, fell = _still(stepper, lambda seen: act(roused(seen)), told, fell)
    backs = f"{before:.0%} lay on their backs before, {stepper.overturned().mean():.0%} after"
    note = f"{alone:.1%} where the low level is told nothing else; {fell.mean():.2%} fell on the way; {backs}"
    record.at_most(f"{whose}, stands though an agent tells it {speed:+g} m/s, share", 0.01, still, note=note)
    return stepper


def _still(stepper: Stepper, act: Act, told: Commands, fell: np.ndarray) -> tuple[float, np.ndarray]:
    """Share of those that have not fallen that stay, and which fell (n,)."""
    steps = round(_TOLD / stepper.body.dt)
    at = np.empty((steps, _BODIES))
    for step in range(steps):
        stepper.step(act(low_level_observation(stepper, told)))
        fell |= stepper.fallen()
        at[step] = stepper.coordinates()[:, 0]
    moved = np.sign(told.target) * (at[-1] - at[steps // 2]) / (_TOLD / 2.0)
    return float((moved < _STILL * np.abs(told.target))[~fell].mean()), fell


def _errors(tracking: Tracking, kind: int, averaged: bool) -> Floats:
    return (tracking.mean_error if averaged else tracking.error)[tracking.kind == kind]
