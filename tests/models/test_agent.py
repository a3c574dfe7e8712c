"""The deployable agent: acts as the evaluation does, keeps its episodes apart, and refuses what is damaged."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import SupportsFloat

import gymnasium
import numpy as np
import pytest

from envs.body import load_body
from envs.errors import UserError
from envs.gym_body import agent_observation
from envs.stepper import Stepper
from envs.tasks import Tasks, reference_tasks, reward
from models.agent import TransferAgent
from models.agent_files import CONTROLLER, DECIDER, INDEX, TOY, pack
from models.controller import Controller
from models.methods import METHODS
from models.sequence import SEQUENCES
from models.stored_deciders import load_decider
from models.toy_agent import ToyAgent
from stages.closure import PROJECT
from stages.controls import Stack
from stages.decisions import DecidingBodies
from tests.models.agents import Route, packed_agent, write_agent

CASES: list[tuple[str, Route]] = [("cheetah", "reuse"), ("walker", "retrain"), ("ant", "reuse"), ("ant", "retrain")]


def _evaluated(folder: Path, tasks: Tasks, start: np.ndarray, decisions: int) -> list[np.ndarray]:
    """States (control steps + 1, columns) that each body passes in some decisions of the evaluation's own machinery."""
    toy = ToyAgent.load(folder / TOY, decodes=False)
    decider = load_decider(toy, folder / DECIDER)
    stack, controller = Stack(toy, decider), Controller.load(folder / CONTROLLER)
    body = load_body(TransferAgent.load(folder).about.body)
    bodies = DecidingBodies(body, controller.act, stack.encoder("agent"), len(tasks), np.random.default_rng(0))
    bodies.reset(tasks)
    bodies.stepper.state[:] = start
    passed = [[row[None]] for row in start]
    for _ in range(decisions):
        fallen = bodies.fallen.copy()
        decision = stack.decide("agent", bodies)
        outcome = bodies.decide(
            decision.kind.numpy(), decision.amount.numpy().astype(np.float64), decision.stride.numpy()
        )
        for row, stride in enumerate(np.where(fallen, 0, outcome.stride)):
            passed[row].append(outcome.states[row, :stride])
    return [np.concatenate(states) for states in passed]


@pytest.mark.parametrize(("body", "route"), CASES)
def test_one_body_moves_exactly_as_in_the_evaluation(tmp_path: Path, body: str, route: Route) -> None:
    _moves_as_in_the_evaluation(write_agent(tmp_path / "agent", body, route), 0.0)


@pytest.mark.parametrize("pitch", [1.0, 3.0])
def test_so_does_one_that_lies(tmp_path: Path, pitch: float) -> None:
    _moves_as_in_the_evaluation(write_agent(tmp_path / "agent", "cheetah", "reuse"), pitch)


def _moves_as_in_the_evaluation(folder: Path, pitch: float) -> None:
    agent = TransferAgent.load(folder)
    stepper = Stepper(agent.body, 1)
    stepper.reset(np.random.default_rng(3))
    if pitch:
        stepper.state[:, 1 + agent.body.joint_addresses("pitch")[0]] = pitch
    tasks = reference_tasks(agent.body.task_ranges, agent.body.space)[np.array([0])]
    (expected,) = _evaluated(folder, tasks, stepper.state, 8)
    earned = np.zeros(1)
    for state in expected[1:]:
        stepper.step(agent.act(agent_observation(stepper), earned).astype(np.float64))
        earned = reward(tasks, stepper.coordinates())
        np.testing.assert_array_equal(stepper.state[0], state)


@pytest.mark.parametrize("encoder", [*SEQUENCES, "product"])
@pytest.mark.parametrize("method", METHODS)
def test_any_inference_acts_as_in_the_evaluation(tmp_path: Path, method: str, encoder: str) -> None:
    folder = write_agent(tmp_path / "agent", route="retrain", inference=(method, encoder))
    agent = TransferAgent.load(folder)
    stepper = Stepper(agent.body, 1)
    tasks = reference_tasks(agent.body.task_ranges, agent.body.space)[np.array([0])]
    (expected,) = _evaluated(folder, tasks, stepper.state, 8)
    earned = np.zeros(1)
    for state in expected[1:]:
        stepper.step(agent.act(agent_observation(stepper), earned).astype(np.float64))
        earned = reward(tasks, stepper.coordinates())
        np.testing.assert_array_equal(stepper.state[0], state)


@pytest.mark.parametrize(("body", "route"), CASES)
def test_every_row_of_a_batch_acts_as_in_the_evaluation(tmp_path: Path, body: str, route: Route) -> None:
    """From the states of the evaluation, as a batch of another size rounds otherwise and bodies are chaotic."""
    folder = write_agent(tmp_path / "agent", body, route)
    agent = TransferAgent.load(folder)
    tasks = reference_tasks(agent.body.task_ranges, agent.body.space)[:12]
    stepper = Stepper(agent.body, len(tasks))
    stepper.reset(np.random.default_rng(3))
    expected = _evaluated(folder, tasks, stepper.state.copy(), 6)
    lengths = np.array([*map(len, expected)])
    agent.reset(len(tasks))
    for t in range(lengths.max() - 1):
        stepper.state[:] = [states[min(t, len(states) - 1)] for states in expected]
        acted = agent.act(agent_observation(stepper), reward(tasks, stepper.coordinates()))
        stepper.step(acted.astype(np.float64))
        rows = np.flatnonzero(t + 1 < lengths)
        np.testing.assert_allclose(stepper.state[rows], [expected[row][t + 1] for row in rows], atol=1e-3)
    assert lengths.min() > 5


def test_ten_lines_of_gymnasium(tmp_path: Path) -> None:
    env, agent = gymnasium.make("carryover/Cheetah-v0"), TransferAgent.load(packed_agent(tmp_path))
    observation, _ = env.reset(seed=0)
    agent.reset()
    earned: SupportsFloat = 0.0
    for _ in range(60):
        action = agent.act(observation, earned)
        assert env.action_space.contains(action)
        observation, earned, _, _, _ = env.step(action)
    assert agent.thought().left[0] < agent.thought().stride[0] <= 20


def test_rows_of_a_batch_do_not_mix_and_start_anew_alone(tmp_path: Path) -> None:
    agent, rng = TransferAgent.load(packed_agent(tmp_path)), np.random.default_rng(0)
    seen = rng.normal(size=(40, 2, agent.observation_size))
    earned = -rng.random((40, 2))

    def acted(rows: list[int]) -> np.ndarray:
        agent.reset(len(rows))
        actions = []
        for t in range(40):
            if t == 25:
                agent.restart(np.array([row == 1 for row in rows]))
            actions.append(agent.act(seen[t, rows], earned[t, rows]))
        return np.stack(actions, axis=1)

    both = acted([0, 1])
    np.testing.assert_allclose(both[:1], acted([0]), atol=1e-5)
    np.testing.assert_allclose(both[1:], acted([1]), atol=1e-5)
    agent.reset()
    fresh = agent.act(seen[25, 1], 0.0)
    np.testing.assert_allclose(both[1, 25], fresh, atol=1e-5)


def test_what_it_remembers_can_be_carried_away_and_back(tmp_path: Path) -> None:
    path, rng = packed_agent(tmp_path), np.random.default_rng(0)
    agent, other = TransferAgent.load(path), TransferAgent.load(path)
    for seen in rng.normal(size=(30, agent.observation_size)):
        agent.act(seen, -0.5)
    other.resume(agent.state())
    for seen in rng.normal(size=(30, agent.observation_size)):
        np.testing.assert_array_equal(agent.act(seen, -0.3), other.act(seen, -0.3))
    with pytest.raises(UserError, match="state: window: "):
        other.resume({**agent.state(), "window": np.zeros(3)})


@pytest.mark.parametrize(("seen", "earned", "words"), [
    (np.zeros(5), 0.0, "observation: 1 of 5 numbers; cheetah-reuse, reset for this batch, reads 1 of 19 numbers"),
    (np.zeros((3, 19)), 0.0, "observation: 3 of 19 numbers"),
    (np.full(19, np.nan), 0.0, "observation: not finite"),
    (np.zeros(19), np.inf, "reward: "),
])  # fmt: skip
def test_what_it_cannot_read_is_said(tmp_path: Path, seen: np.ndarray, earned: float, words: str) -> None:
    agent = TransferAgent.load(packed_agent(tmp_path))
    with pytest.raises(UserError, match=f"^{words}") as error:
        agent.act(seen, earned)
    assert "\n" not in str(error.value)


def test_equal_agents_are_equal_bytes(tmp_path: Path) -> None:
    first = write_agent(tmp_path / "first")
    second = write_agent(tmp_path / "second")
    for folder in (first, second):
        pack(folder, folder.with_suffix(".agent"))
    assert first.with_suffix(".agent").read_bytes() == second.with_suffix(".agent").read_bytes()
    assert first.with_suffix(".agent").stat().st_size < 2_000_000


def _refused(path: Path) -> str:
    with pytest.raises(UserError) as error:
        TransferAgent.load(path)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_damage_anywhere_is_refused(tmp_path: Path) -> None:
    path = packed_agent(tmp_path)
    content = path.read_bytes()
    for at in np.random.default_rng(0).integers(0, len(content), 60):
        changed = bytearray(content)
        changed[at] ^= 0x10
        path.write_bytes(changed)
        try:
            TransferAgent.load(path)
        except UserError as error:
            assert "\n" not in str(error)
        else:  # a zip has bytes that say nothing about its files
            with zipfile.ZipFile(path) as read:
                assert read.testzip() is None
    path.write_bytes(content[: len(content) // 2])
    assert "not a packed agent; damaged, or no agent" in _refused(path)


def test_a_changed_file_in_a_folder_is_refused(tmp_path: Path) -> None:
    folder = write_agent(tmp_path / "agent")
    weights = folder / TOY / "head.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert _refused(folder).startswith("agent: toy/head.safetensors is not as it was written")
    weights.unlink()
    assert _refused(folder).startswith("agent: toy/head.safetensors is missing")


def test_wrong_files_are_refused(tmp_path: Path) -> None:
    assert _refused(tmp_path / "none.agent").startswith("agent: no file or folder")
    (tmp_path / "text.agent").write_text("hello")
    assert _refused(tmp_path / "text.agent").startswith("text.agent: not a packed agent")
    assert "no agent.json in it" in _refused(tmp_path)
    with zipfile.ZipFile(tmp_path / "sly.agent", "w") as target:
        target.writestr("../out", "x")
    assert "'../out' is no file of an agent" in _refused(tmp_path / "sly.agent")
    assert not (tmp_path.parent / "out").exists()


@pytest.mark.parametrize(("older", "route"), [(1, "reuse"), (2, "reuse"), (3, "retrain")])
def test_an_agent_of_an_older_version_says_so(tmp_path: Path, older: int, route: Route) -> None:
    index = write_agent(tmp_path / "agent", route=route) / INDEX
    index.write_text(index.read_text().replace('"format": 4', f'"format": {older}'))
    assert _refused(tmp_path / "agent").startswith("agent: of an older version")


_OFFLINE = """
import sys
import numpy as np
from models.agent import TransferAgent
agent = TransferAgent.load(sys.argv[1])
agent.act(np.zeros(agent.observation_size), 0.0)
print(*sorted({name.split(".")[0] for name in sys.modules}))
"""


def _imported(path: Path) -> set[str]:
    """What a process has imported that loads an agent and acts with it, of what it should not need."""
    command = [sys.executable, "-c", _OFFLINE, str(path)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_acts_without_server_or_learner(tmp_path: Path) -> None:
    assert not _imported(packed_agent(tmp_path)) & {"prefect", "mlflow", "stable_baselines3"}


def test_acts_without_tables(tmp_path: Path) -> None:
    assert "pandas" not in _imported(packed_agent(tmp_path))
