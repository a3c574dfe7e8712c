"""Stage ``toy_inference``: learn on the toy to infer tasks from rewards, and to act on what is inferred."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports below, which take seconds
    from stages.cli import main

    main("toy_inference")

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from envs.tasks import KINDS, SPACES, Tasks, split_toy_tasks
from envs.toy import EPISODE
from models.toy_agent import ToyAgent
from stages.checkpoint import TrainingCheckpoint
from stages.configs.toy_inference import ToyInferenceConfig
from stages.contract import Artifact, Metrics, Progress, write_curve, write_json
from stages.toy_episodes import ToyEpisodes, clusters_of, oracle_returns, run_toy
from stages.toy_learner import IDENTIFIED_AFTER, Learner


def run(config: ToyInferenceConfig, inputs: Mapping[str, Artifact], out: Path, report: Progress) -> Metrics:
    """Train; write the agent, the task split, held-out latents, some along a change of task, and the learning curve."""
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    train, held_out = split_toy_tasks(rng, config.train, config.held_out, SPACES[config.space])
    learner = Learner(config, train, rng)
    checkpoint = TrainingCheckpoint(out / ".checkpoint", learner.modules, learner.optimiser, rng)
    begun, rows = learner.resume(checkpoint)
    every, losses = max(config.updates // config.measured, 1), dict[str, float]()
    for update in range(begun, config.updates):
        if update > begun and update % learner.save_every == 0:
            learner.keep(checkpoint, update, rows)
        losses = learner.learn(update)
        if (update + 1) % every == 0 and update + 1 < config.updates:
            rows.append(_point(update + 1, losses, run_toy(learner.agent, held_out, EPISODE)))
        if (update + 1) % 10 == 0:
            report((update + 1) / config.updates, **(rows[-1] if rows else {}))
    episodes = run_toy(learner.agent, held_out, EPISODE)
    rows.append(_point(config.updates, losses, episodes))
    report(1.0, **rows[-1])
    learner.agent.save(out)
    write_json(out / "tasks.json", {"train": _listed(train), "held_out": _listed(held_out)})
    latent_table(held_out, episodes, learner.agent).to_parquet(out / "latents.parquet", index=False)
    switch_table(held_out, learner.agent).to_parquet(out / "switch.parquet", index=False)
    write_curve(out, rows)
    return toy_metrics(held_out, episodes)


def _point(step: int, losses: Metrics, episodes: ToyEpisodes) -> dict[str, float]:
    """Of the learning curve."""
    return {"step": float(step), **losses, "return": float(episodes.returns.mean())}


def toy_metrics(tasks: Tasks, episodes: ToyEpisodes) -> Metrics:
    """Return in all and by base task beside the oracle's, base-task accuracy, and the specification's error."""
    correct = (episodes.believed == tasks.base_task).mean(axis=1)
    settled = episodes.estimates[len(episodes.estimates) // 2 :]
    relative = np.abs(settled - tasks.specification) / np.abs(tasks.specification)
    returns = {"return": episodes.returns, "oracle_return": oracle_returns(tasks)}
    by_base = {
        f"{which}_{name.replace(' ', '_')}": float(values[tasks.base_task == i].mean())
        for which, values in returns.items()
        for i, name in enumerate(tasks.space.base_tasks)
    }
    return {
        **{which: float(values.mean()) for which, values in returns.items()},
        **by_base,
        "base_task_accuracy": float(correct[IDENTIFIED_AFTER:].min()),
        "specification_error": float(relative.mean()),
    }


def latent_table(tasks: Tasks, episodes: ToyEpisodes, agent: ToyAgent, every: int = 10) -> pd.DataFrame:
    """Latents of held-out tasks along their episodes, one row per task and tenth step, and the cluster, if found."""
    steps = np.arange(IDENTIFIED_AFTER, len(episodes.latents), every)
    latents = episodes.latents[steps].reshape(-1, episodes.latents.shape[-1])
    columns = {
        "task": np.array(tasks.labels()),
        "kind": np.array(KINDS)[tasks.kind],
        "base_task": tasks.base_task_names,
        "specification": tasks.specification,
    }
    tiled = {name: np.tile(values, len(steps)) for name, values in columns.items()}
    found = clusters_of(agent, torch.as_tensor(latents))
    cluster = {} if found is None else {"cluster": found}
    return pd.DataFrame({**tiled, "step": np.repeat(steps, len(tasks)), **cluster, **_numbered(latents)})


def switch_table(tasks: Tasks, agent: ToyAgent, decisions: int = 30) -> pd.DataFrame:
    """Latents before and after an unannounced change from the first task of each base task to that of the next."""
    first = tasks[np.unique(tasks.base_task, return_index=True)[1]]
    second = first[np.roll(np.arange(len(first)), -1)]
    parts = [run_toy(agent, first, decisions), run_toy(agent, second, decisions, before=(first, decisions))]
    latents = np.concatenate([episodes.latents for episodes in parts])
    steps = np.arange(-decisions, decisions)
    words = {"before": first, "after": second}
    labels = {name: np.tile(np.array(told.labels()), len(steps)) for name, told in words.items()}
    bases = {f"base_task_{name}": np.tile(told.base_task_names, len(steps)) for name, told in words.items()}
    flat = _numbered(latents.reshape(-1, latents.shape[-1]))
    return pd.DataFrame({**labels, **bases, "step": np.repeat(steps, len(first)), **flat})


def _numbered(latents: np.ndarray) -> dict[str, np.ndarray]:
    return {f"z{i}": latents[:, i] for i in range(latents.shape[1])}


def _listed(tasks: Tasks) -> dict[str, list[float]]:
    return {"kind": tasks.kind.tolist(), "specification": tasks.specification.tolist()}
