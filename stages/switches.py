"""Tasks that change in mid-episode, unannounced: how soon the agent follows, beside the oracle that is told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from envs.body import Body
from envs.tasks import KINDS, Floats, Tasks, reference_tasks
from models.controller import Controller
from stages.controls import Stack
from stages.decisions import DecidingBodies
from stages.scores import SUCCESS, aggregate, decisions_to_identify, episode_errors, relative_errors

_SEED = 60_013
_CONTROLS = ("agent", "oracle")


def paired_tasks(body: Body, seeds: int) -> tuple[Tasks, Tasks]:
    """First and second tasks (n,): every reference task changes to another one, by turns of specification and kind."""
    tasks = reference_tasks(body.task_ranges, body.space)
    n = len(tasks)
    order = np.concatenate([np.roll(np.arange(n), -(1 + 2 * seed) % n) for seed in range(seeds)])
    first = np.tile(np.arange(n), seeds)
    return tasks[first], tasks[order]


@torch.no_grad()
def switch_episodes(
    body: Body, stack: Stack, controller: Controller, seeds: int, before: int, decisions: int
) -> pd.DataFrame:
    """One row per control and episode: ``before`` decisions of the first task, then ``decisions`` of the second.

    ``recovery`` counts decisions after the change until the error stays within the bound of success, one past the end
    if it never does; ``identification`` the same for the base task; ``settled`` is the settled error of what follows.
    """
    first, second = paired_tasks(body, seeds)
    tables = []
    for control in _CONTROLS:
        bodies = DecidingBodies(body, controller.act, stack.encoder(control), len(first), np.random.default_rng(_SEED))
        bodies.reset(first)
        _decide(bodies, stack, control, before)
        bodies.tasks = second
        coordinates, fallen, correct = _decide(bodies, stack, control, decisions)
        within = relative_errors(second, coordinates, fallen) <= SUCCESS
        tables.append(
            pd.DataFrame(
                {
                    "control": control,
                    "first": first.labels(),
                    "second": second.labels(),
                    "kind": np.array(KINDS)[second.kind],
                    "new_kind": first.kind != second.kind,
                    "identification": decisions_to_identify(correct),
                    "recovery": decisions_to_identify(within),
                    "settled": episode_errors(second, coordinates, fallen).settled,
                    "fell": fallen[-1],
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def _decide(
    bodies: DecidingBodies, stack: Stack, control: str, decisions: int
) -> tuple[Floats, np.ndarray, np.ndarray]:
    """Decide some times: coordinates (time, n, c), whether fallen, and whether the base task is right (time, n)."""
    steps = []
    for _ in range(decisions):
        decision = stack.decide(control, bodies)
        amount = decision.amount.numpy().astype(np.float64)
        bodies.decide(decision.kind.numpy(), amount, decision.stride.numpy())
        believed = stack.toy.head(bodies.latent())[0].argmax(dim=-1).numpy()
        steps.append((bodies.coordinates(), bodies.fallen.copy(), believed == bodies.tasks.base_task))
    coordinates, fallen, correct = (np.stack(values) for values in zip(*steps, strict=True))
    return coordinates, fallen, correct


def switch_table(episodes: pd.DataFrame, resamples: int) -> dict[str, dict[str, dict[str, float]]]:
    """Aggregates by control, metric and statistic."""
    names = ("identification", "recovery", "settled", "fell")
    return {
        control: {name: aggregate(np.array(own[name], dtype=float), resamples) for name in names}
        for control in _CONTROLS
        for own in [episodes[episodes.control == control]]
    }
