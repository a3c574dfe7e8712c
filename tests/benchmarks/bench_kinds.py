"""All kinds of tasks in one agent: the toy with height and pitch by kind, and the cheetah with ``tasks=all``."""

from __future__ import annotations

import numpy as np
import pytest

from envs.tasks import PLANE, POSTURE, Space, Tasks
from envs.toy import EPISODE
from models.toy_agent import ToyAgent
from stages.contract import ROUTES, Route
from stages.plan import Node
from stages.toy_episodes import oracle_returns, run_toy
from tests.benchmarks.conftest import Runs
from tests.benchmarks.table import Recorder

_RETURN, _ORACLE = -20.0, -10.0
_BARS = {"stand": 0.15, "jump": 0.30, "flip": 0.30}
#: How much worse goal and velocity may be than those of the agent that knows nothing else.
_TIMES_BASIC, _BASIC = 1.2, ("goal", "velocity")


@pytest.mark.parametrize("space", [POSTURE, PLANE], ids=lambda space: space.name)
def test_toy_by_kind(runs: Runs, record: Recorder, space: Space) -> None:
    artifact = runs(Node("toy_inference", space=space.name)).artifact
    listed = artifact.json("tasks.json")["held_out"]
    tasks = Tasks(np.array(listed["kind"]), np.array(listed["specification"]), space)
    returns, oracle = run_toy(ToyAgent.load(artifact.folder), tasks, EPISODE).returns, oracle_returns(tasks)
    for kind in space.kinds:
        own = space.place(tasks.kind) == space.kinds.index(kind)
        told = float(oracle[own].mean())
        what = f"kinds, toy {space.name}, {kind}, return of held-out tasks, {EPISODE} steps"
        if told >= _ORACLE:
            record.at_least(what, _RETURN, float(returns[own].mean()), note=f"oracle {told:.4g}")
        else:
            record.left_out(what, f"≥ {_RETURN:.4g}", f"{returns[own].mean():.4g}, oracle {told:.4g}: no bar")


@pytest.mark.parametrize("route", ROUTES)
def test_cheetah_with_all_kinds(runs: Runs, all_kinds: Runs, record: Recorder, route: Route) -> None:
    agent = all_kinds(Node("evaluation", route)).artifact.json("controls.json")["agent"]
    basic = runs(Node("evaluation", route)).artifact.json("controls.json")["agent"]
    bars = {kind: (bar, "") for kind, bar in _BARS.items()}
    for kind in _BASIC:
        alone = basic[f"{kind}_settled"]["mean"]
        bars[kind] = (
            _TIMES_BASIC * alone,
            f"{_TIMES_BASIC} times what the agent of velocity and goal gets, {alone:.4g}; ",
        )
    for kind, (bar, note) in bars.items():
        scores = agent[f"{kind}_settled"]
        what = f"kinds, cheetah, tasks=all, {route}, {kind}, settled"
        record.at_most(what, bar, scores["mean"], note=f"{note}median {scores['median']:.4g}")
