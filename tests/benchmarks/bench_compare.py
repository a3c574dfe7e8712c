"""Every body, carried over from one toy: the stored evaluations against the bars of their body."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pytest

from envs.body import load_body
from envs.tasks import VELOCITY, reference_tasks
from stages.contract import ROUTES, Artifact, Route
from stages.plan import Node, Settings
from tests.benchmarks.conftest import Runs, runs_of
from tests.benchmarks.table import Recorder

_KINDS = ("goal", "velocity")
_TIMES_ORACLE, _ABOVE_ORACLE = 1.25, 0.02
_FIXED_STRIDES = (1, 5, 10, 20)
_COLLAPSE = 0.05
#: Control steps of a low level that practises one velocity alone.
_ALONE_STEPS = 1_500_000

Controls = Mapping[str, Mapping[str, Mapping[str, float]]]


@dataclass(frozen=True)
class Bars:
    """What a body has to reach: settled error at most, and success at least or falls at most.

    Attributes:
        routes: how many of the routes have to: all of them, or the better one.
    """

    goal: float
    velocity: float
    success: float | None = None
    falls: float | None = None
    better_route: bool = True

    def share(self, agent: Mapping[str, Mapping[str, float]]) -> float:
        """How much of the bars the errors take up; above 1 one of them is missed."""
        return max(agent[f"{kind}_settled"]["mean"] / getattr(self, kind) for kind in _KINDS)


BARS = {
    "cheetah": Bars(0.06, 0.12, success=0.90, better_route=False),
    "hopper": Bars(0.12, 0.15, falls=0.02),
    "walker": Bars(0.08, 0.20, falls=0.02),
    "ant": Bars(0.15, 0.20),
}


def _controls(runs: Runs, body: str, route: Route) -> Controls:
    return runs(Node("evaluation", route, (body,))).artifact.json("controls.json")


@pytest.mark.parametrize("body", BARS)
def test_bars(runs: Runs, record: Recorder, body: str) -> None:
    bars = BARS[body]
    agents = {route: _controls(runs, body, route)["agent"] for route in ROUTES}
    routes = [min(ROUTES, key=lambda route: bars.share(agents[route]))] if bars.better_route else ROUTES
    for route in routes:
        against_bars(record, f"compare {body}, {'better route, ' * bars.better_route}{route}", agents[route], bars)


def against_bars(record: Recorder, what: str, agent: Mapping[str, Mapping[str, float]], bars: Bars) -> None:
    """Rows of an agent's errors, and of its success or falls where they have a bar."""
    for kind in _KINDS:
        median = f"median {agent[f'{kind}_settled']['median']:.4g}"
        record.at_most(f"{what}, {kind}, settled", getattr(bars, kind), agent[f"{kind}_settled"]["mean"], note=median)
    if bars.success is not None:
        success = np.mean([agent[f"{kind}_success"]["mean"] for kind in _KINDS])
        record.at_least(f"{what}, success", bars.success, float(success), note=f"return {agent['return']['mean']:.4g}")
    if bars.falls is not None:
        record.at_most(f"{what}, falls", bars.falls, agent["fall_rate"]["mean"])


@pytest.mark.parametrize("body", ["hopper"])
def test_velocity_bar_of_a_body_that_cannot_run_so_fast(
    runs: Runs, settings: Settings, record: Recorder, body: str
) -> None:
    """Low levels that practise one reference velocity alone; where even they miss the bar, it is that of the oracle."""
    asked = [s for k, s in zip(*_reference(body), strict=True) if k == VELOCITY]
    alone = {speed: _alone(settings, body, speed) for speed in asked}
    reached = ", ".join(f"{speed * (1 - error):+.2f} of {speed:+.2f} m/s" for speed, error in alone.items())
    assert np.mean([*alone.values()]) > BARS[body].velocity, "its own bar can be met, and stands"
    controls = [_controls(runs, body, route) for route in ROUTES]
    agent, oracle = (min(c[who]["velocity_settled"]["mean"] for c in controls) for who in ("agent", "oracle"))
    what = f"compare {body}, better route, velocity, where low levels trained for one velocity alone reach {reached}"
    record.at_most(what, _TIMES_ORACLE * oracle, agent, note=f"oracle {oracle:.4g}")


def _reference(body: str) -> tuple[list[int], list[float]]:
    described = load_body(body)
    tasks = reference_tasks(described.task_ranges, described.space)
    return tasks.kind.tolist(), tasks.specification.tolist()


def _alone(settings: Settings, body: str, speed: float) -> float:
    """Relative error of a low level that is never asked for anything else."""
    told = settings.model_copy(update={"overrides": {"low_level": {"only": speed, "steps": _ALONE_STEPS}}})
    return runs_of(told)(Node("low_level", bodies=(body,))).metrics["velocity_error"]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("body", BARS)
def test_against_the_oracle(runs: Runs, record: Recorder, body: str, route: Route) -> None:
    controls = _controls(runs, body, route)
    for kind in _KINDS:
        agent, oracle = (controls[control][f"{kind}_settled"]["mean"] for control in ("agent", "oracle"))
        bar = max(_TIMES_ORACLE * oracle, oracle + _ABOVE_ORACLE)
        what = f"compare {body}, {route}, {kind}, against the oracle"
        record.at_most(what, bar, agent, note=f"oracle {oracle:.4g}")


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("body", BARS)
def test_learnt_stride(runs: Runs, record: Recorder, body: str, route: Route) -> None:
    controls = _controls(runs, body, route)
    learnt = controls["agent"]["return"]["mean"]
    for stride in _FIXED_STRIDES:
        fixed = controls[f"fixed_{stride}"]["return"]["mean"]
        record.at_least(f"compare {body}, {route}, return of learnt strides over stride {stride}", fixed, learnt)


@pytest.mark.parametrize("body", BARS)
def test_training_does_not_collapse(runs: Runs, record: Recorder, body: str) -> None:
    curve = runs(Node("high_level", bodies=(body,))).artifact.table("learning_curve.parquet")
    commands = curve.command_reward.dropna()
    for part, rewards in (("commands", commands), ("commands and strides", curve.reward.fillna(curve.command_reward))):
        best, last = _best_and_last_tenth(rewards.to_numpy(dtype=float))
        what = f"compare {body}, high level, {part}, reward of the last tenth, within {_COLLAPSE:.0%} of the best"
        record.at_least(what, best - _COLLAPSE * abs(best), last, note=f"best tenth {best:.4g}")


def _best_and_last_tenth(rewards: np.ndarray) -> tuple[float, float]:
    """Mean reward over the best and over the last tenth of a curve (n,)."""
    length = max(1, len(rewards) // 10)
    means = np.convolve(rewards, np.full(length, 1 / length), mode="valid")
    return float(means.max()), float(means[-1])


def test_one_toy_for_all_bodies(runs: Runs, record: Recorder) -> None:
    toys = {artifact.json("components.json")["inputs"]["toy_inference"] for artifact in _evaluations(runs)}
    spaces = {load_body(body).space.name for body in BARS}
    named = f"{', '.join(sorted(spaces))}: {', '.join(sorted(toy[:12] for toy in toys))}"
    what = f"compare, toys behind the evaluations of {len(BARS)} bodies, one per space"
    record.at_most(what, len(spaces), len(toys), note=named)
    rows = runs(Node("comparison", bodies=tuple(BARS))).artifact.json("comparison.json")["rows"]
    assert {row["toy_inference"] for row in rows} == toys


def _evaluations(runs: Runs) -> Iterator[Artifact]:
    for body in BARS:
        for route in ROUTES:
            yield runs(Node("evaluation", route, (body,))).artifact
