"""What a toy's agent can do, on tasks that it has not seen: all methods are measured by these numbers.

Return, what is believed and how sure it is, how soon a task is found and found again, tasks beyond the range.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from envs.tasks import TOY_RANGES, Floats, Ranges, Tasks, sample_tasks
from envs.toy import EPISODE
from models.toy_agent import ToyAgent
from stages.agreement import agreement
from stages.scores import decisions_to_identify
from stages.toy_episodes import ToyEpisodes, clusters_of, explored, oracle_returns, run_toy
from stages.toy_learner import IDENTIFIED_AFTER

_SEED = 70_003
#: Draws from a posterior, and the share of them that an interval is to hold.
_DRAWS, _HELD = 64, 0.9
#: Decisions before a task changes, and after it.
_BEFORE, _AFTER = 50, 50
#: Bins of the confidence.
_BINS = 10
#: D': tasks within the range that was trained; D'': beyond its upper end, by up to this factor (TESP).
_BEYOND = 1.4
_TASKS = 100
#: Episodes of exploration.
_EXPLORED = 2


@dataclass(frozen=True)
class ToyScores:
    """Numbers of an agent by name, and returns and base-task accuracy of its held-out tasks and steps.

    Attributes:
        numbers: means over tasks.
        returns: (n,).
        accuracy: (time,), after 0, 1, ... transitions.
    """

    numbers: dict[str, float]
    returns: Floats
    accuracy: Floats


@torch.no_grad()
def scored(agent: ToyAgent, held_out: Tasks, decisions: int = EPISODE) -> ToyScores:
    """All of it, on held-out tasks and on such as are drawn here; equal agents get equal scores."""
    torch.manual_seed(_SEED)
    episodes = run_toy(agent, held_out, decisions, draws=_DRAWS)
    accuracy = (episodes.believed == held_out.base_task).mean(axis=1)
    later = episodes.estimates[IDENTIFIED_AFTER:]
    numbers = {
        "return": float(episodes.returns.mean()),
        "oracle_return": float(oracle_returns(held_out, decisions).mean()),
        "base_task_accuracy": float(accuracy[IDENTIFIED_AFTER:].min()),
        "specification_r2": _r2(held_out, later.mean(axis=0)),
        "decisions_to_identify": float(decisions_to_identify(episodes.believed == held_out.base_task).mean()),
        "calibration_error": calibration_error(held_out, episodes),
        "held_by_90": _held(held_out, episodes),
        "return_after_exploring": float(_after_exploring(agent, held_out, decisions).mean()),
        **_clusters(agent, held_out, episodes),
        **_recovery(agent, held_out),
        **_out_of_range(agent, decisions),
        "parameters": float(sum(parameter.numel() for parameter in agent.parameters())),
    }
    return ToyScores(numbers, episodes.returns, accuracy)


def calibration_error(tasks: Tasks, episodes: ToyEpisodes) -> float:
    """Expected calibration error of the base task: |confidence - accuracy|, by tenths of the confidence."""
    confidence = episodes.probabilities.max(axis=-1).ravel()
    correct = (episodes.believed == tasks.base_task).ravel()
    place = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    gaps = [abs(confidence[place == b].sum() - correct[place == b].sum()) for b in range(_BINS)]
    return float(np.sum(gaps) / len(correct))


def _held(tasks: Tasks, episodes: ToyEpisodes) -> float:
    """Share of specifications that lie within the posterior's middle 90 %; .9 would be right."""
    edge = (1.0 - _HELD) / 2.0
    low, high = np.quantile(episodes.drawn, [edge, 1.0 - edge], axis=1)
    return float(((low <= tasks.specification) & (tasks.specification <= high))[IDENTIFIED_AFTER:].mean())


def _r2(tasks: Tasks, estimates: Floats) -> float:
    """Share of the specifications' variance, within each kind, that estimates (n,) explain."""
    unexplained, variance = 0.0, 0.0
    for kind in np.unique(tasks.kind):
        rows, own = tasks.kind == kind, tasks.specification[tasks.kind == kind]
        unexplained += float(((estimates[rows] - own) ** 2).sum() / own.var())
        variance += len(own)
    return 1.0 - unexplained / variance


def _after_exploring(agent: ToyAgent, tasks: Tasks, decisions: int) -> Floats:
    """Returns (n,) of the episode after some that follow a drawn latent each, as PEARL is measured."""
    return run_toy(agent, tasks, decisions, belief=explored(agent, tasks, _EXPLORED, decisions)).returns


def _clusters(agent: ToyAgent, tasks: Tasks, episodes: ToyEpisodes) -> dict[str, float]:
    """Of a method that clusters latents: how well these agree with the base tasks, which it was not told."""
    found = clusters_of(agent, torch.as_tensor(episodes.latents[IDENTIFIED_AFTER:]))
    if found is None:
        return {}
    return agreement(np.broadcast_to(tasks.base_task, found.shape).ravel(), found.ravel())


def _recovery(agent: ToyAgent, tasks: Tasks) -> dict[str, float]:
    """Decisions after an unannounced change until the base task is right for good, and the error of the last half."""
    second = tasks[np.random.default_rng(_SEED).permutation(len(tasks))]
    episodes = run_toy(agent, second, _AFTER, before=(tasks, _BEFORE))
    return {
        "recovery": float(decisions_to_identify(episodes.believed == second.base_task).mean()),
        "error_after_change": float(-episodes.rewards[_AFTER // 2 :].mean()),
    }


def _out_of_range(agent: ToyAgent, decisions: int) -> dict[str, float]:
    """Regret, which is return less that of the policy told the task, within (D') and beyond the range (D'')."""
    rng = np.random.default_rng(_SEED)
    beyond: Ranges = {kind: (high, _BEYOND * high) for kind, (_, high) in TOY_RANGES.items()}
    sets = {"regret_within": TOY_RANGES, "regret_beyond": _reachable(beyond, agent)}
    drawn = {name: sample_tasks(rng, _TASKS, ranges, agent.space) for name, ranges in sets.items()}
    return {
        name: float((oracle_returns(tasks, decisions) - run_toy(agent, tasks, decisions).returns).mean())
        for name, tasks in drawn.items()
    }


def _reachable(ranges: Ranges, agent: ToyAgent) -> Ranges:
    """Ranges cut to what the toy can do at all: no velocity above its top speed."""
    space = agent.space
    tops = dict(zip(space.kinds, np.where(space.velocity_like, space.top_speeds[space.moves], np.inf), strict=True))
    return {kind: (low, min(high, float(tops[kind]))) for kind, (low, high) in ranges.items() if kind in tops}
