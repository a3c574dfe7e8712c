"""Episodes of an agent: what is recorded is what happened."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from envs.tasks import KINDS, reward
from models.agent import TransferAgent
from stages.rollouts import middle_tasks, roll_out
from tests.models.agents import packed_agent


def test_what_is_recorded_is_what_happened(tmp_path: Path) -> None:
    agent = TransferAgent.load(packed_agent(tmp_path))
    tasks = middle_tasks(agent.body)
    assert [KINDS[kind] for kind in tasks.kind] == ["goal", "goal", "velocity", "velocity"]
    np.testing.assert_allclose(tasks.specification, [5.1, -5.1, 1.75, -1.75])
    episodes = roll_out(agent, tasks, 3.0)
    assert episodes.seconds[-1] == 59 * agent.body.dt and len(episodes.thoughts) == 60
    np.testing.assert_array_equal(episodes.rewards[1:], reward(tasks, episodes.coordinates)[1:])
    np.testing.assert_allclose(episodes.probabilities.sum(axis=-1), 1.0, atol=1e-6)
    assert episodes.decided[0].all() and episodes.estimates.shape == (60, 4)
    for row in range(4):
        starts = np.flatnonzero(episodes.decided[:, row])
        strides = np.array([episodes.thoughts[at].stride[row] for at in starts])
        np.testing.assert_array_equal(np.diff(starts), strides[:-1])


def test_a_fallen_body_stays_where_it_fell(tmp_path: Path) -> None:
    agent = TransferAgent.load(packed_agent(tmp_path, "walker"))
    episodes = roll_out(agent, middle_tasks(agent.body), 4.0)
    first = episodes.fallen.argmax(axis=0)
    assert episodes.fallen[-1].any()
    for row in np.flatnonzero(episodes.fallen[-1]):
        assert (episodes.states[first[row] :, row] == episodes.states[-1, row]).all()
