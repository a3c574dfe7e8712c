"""Packed agents before the camera do what they do anywhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from envs.errors import UserError
from envs.gym_body import agent_observation
from envs.stepper import Stepper
from envs.tasks import Tasks, reward
from models.agent import TransferAgent
from stages import packed
from stages.closure import PROJECT
from stages.pretrained import named
from stages.rollouts import one_thread
from tests.models.agents import Route, packed_agent, write_agent

SCRIPT = Tasks(np.array([1]), np.array([5.0]))


@pytest.mark.parametrize("route", ("reuse", "retrain"))
def test_it_moves_as_in_a_plain_loop_and_its_controls_otherwise(tmp_path: Path, route: Route) -> None:
    file = packed_agent(tmp_path, route=route)
    agent, oracle, guessing = packed.shot(packed.load(str(file)), ["agent", "oracle", "no_inference"], SCRIPT, 1.0)
    assert [take.control for take in (agent, oracle, guessing)] == ["agent", "oracle", "no_inference"]
    assert [len(take.moments) for take in (agent, oracle, guessing)] == [20] * 3
    stepper, loop = Stepper(packed.load(str(file)).body, 1), TransferAgent.load(file)
    stepper.reset(np.random.default_rng(50_021))
    earned = np.zeros(1)
    with one_thread():
        for moment in agent.moments:
            stepper.step(loop.act(agent_observation(stepper), earned).astype(np.float64))
            earned = reward(SCRIPT, stepper.coordinates())
            np.testing.assert_array_equal(stepper.state[0], moment.state)
    assert oracle.moments[0].posterior.max() == 1.0
    assert len({tuple(moment.posterior) for moment in guessing.moments}) == 1


def test_an_agent_is_named_by_file_folder_or_body(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_agent(tmp_path / "folder")
    assert named("walker") == PROJECT / "pretrained" / "walker.agent"
    assert named("folder") == Path("folder") and named("some/where") == Path("some/where")
    assert packed.load("folder").about.name == "cheetah-reuse"
    with pytest.raises(UserError, match=r"pretrained/nobody\.agent: not there \(there: .*walker"):
        named("nobody")
    with pytest.raises(UserError, match=r"no file or folder nobody\.agent"):
        packed.load("nobody.agent")
