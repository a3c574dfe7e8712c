"""The toy's agent on held-out tasks."""

from __future__ import annotations

import numpy as np
import pytest

from envs.tasks import LINE, Tasks
from envs.toy import EPISODE
from models.toy_agent import ToyAgent
from stages.plan import Node
from stages.toy_episodes import ToyEpisodes, oracle_returns, run_toy
from stages.toy_learner import IDENTIFIED_AFTER
from tests.benchmarks.conftest import Runs
from tests.benchmarks.table import Recorder


@pytest.fixture(scope="module")
def held_out(runs: Runs) -> Tasks:
    """Tasks whose specifications no training has seen."""
    listed = runs(Node("toy_inference")).artifact.json("tasks.json")
    train, held_out = (
        Tasks(np.array(listed[part]["kind"]), np.array(listed[part]["specification"])) for part in ("train", "held_out")
    )
    for base_task in range(len(LINE.base_tasks)):
        seen, unseen = (set(part.specification[part.base_task == base_task]) for part in (train, held_out))
        assert unseen and seen.isdisjoint(unseen)
    return held_out


@pytest.fixture(scope="module")
def episodes(runs: Runs, held_out: Tasks) -> ToyEpisodes:
    """Deterministic episodes of the stored agent."""
    agent = ToyAgent.load(runs(Node("toy_inference")).artifact.folder)
    episodes = run_toy(agent, held_out, EPISODE)
    assert np.array_equal(episodes.returns, run_toy(agent, held_out, EPISODE).returns)
    return episodes


#: Of the return, at which a toy's agent counts as taught, and minutes until it is.
_TAUGHT, _MINUTES = -9.0, 5.0


def test_time_to_teach_it(runs: Runs, record: Recorder) -> None:
    run = runs(Node("toy_inference"))
    curve = run.artifact.table("learning_curve.parquet")
    early = np.flatnonzero(curve["return"] < _TAUGHT)
    first = curve.step[early[-1] + 1 if len(early) else 0]
    minutes = run.seconds / 60.0
    note = f"{minutes:.3g} min in all"
    what = f"toy, from where on its return stays above {_TAUGHT:g}"
    record.at_most(what, _MINUTES, minutes * float(first / curve.step.iloc[-1]), "min", note)


def test_return(held_out: Tasks, episodes: ToyEpisodes, record: Recorder) -> None:
    oracle, worst = oracle_returns(held_out).mean(), episodes.returns.min()
    note = f"oracle {oracle:.4g}, worst of {len(held_out)} tasks {worst:.4g}"
    record.at_least(f"toy return, held-out, {EPISODE} steps", _TAUGHT, float(episodes.returns.mean()), note=note)


def test_base_task(held_out: Tasks, episodes: ToyEpisodes, record: Recorder) -> None:
    accuracy = (episodes.believed == held_out.base_task).mean(axis=1)[IDENTIFIED_AFTER:]
    what = f"base task from the latent, held-out, lowest of steps {IDENTIFIED_AFTER} to {EPISODE - 1}"
    record.at_least(what, 0.98, float(accuracy.min()), note=f"mean {accuracy.mean():.4g}")
