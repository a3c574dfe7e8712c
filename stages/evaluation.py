"""Stage ``evaluation``: the agent of a route on reference and random tasks, beside its controls."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports below, which take seconds
    from stages.cli import main

    main("evaluation")

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from envs.body import Body, load_body
from envs.stepper import Stepper
from envs.tasks import KINDS, Floats, Ints, Tasks, active_coordinate, concatenate, reference_tasks
from models.controller import Controller
from stages.configs.evaluation import EvaluationConfig
from stages.contract import Artifact, Metrics, Progress, write_json
from stages.controls import CONTROLS, FIXED_STRIDES, Stack
from stages.decisions import WORST_REWARD, DecidingBodies, draw_tasks
from stages.scores import (
    SUCCESS,
    aggregate,
    decisions_to_identify,
    episode_errors,
    mean_speed_errors,
    specification_r2,
)
from stages.switches import switch_episodes, switch_table
from stages.uncertainty import specification_interval
from stages.video import SIDE_BY_SIDE, film_or_excuse, shot

#: Apart from every training seed: evaluation seeds start here, and the random tasks are drawn once.
_EVALUATION_SEED, _RANDOM_TASKS_SEED = 30_011, 40_009
_ON_RANDOM_TASKS = ("agent", "oracle")
_HEADLINE = ("settled", "success", "return", "fall_rate")


def run(config: EvaluationConfig, inputs: Mapping[str, Artifact], out: Path, report: Progress) -> Metrics:
    """Run every control, score its episodes, and write tables, trajectories, latents and a video."""
    body = load_body(config.body, config.tasks)
    stack = Stack.load(config.route, inputs)
    controller = Controller.load(inputs["low_level"].folder)
    suite = Suite.of(config, body)
    controls = [*CONTROLS, *(f"fixed_{stride}" for stride in FIXED_STRIDES)]
    episodes, trajectories, table = [], [], {}
    latents = pd.DataFrame()
    for index, control in enumerate(controls):
        part = suite.under(control)
        record = _episodes(config, body, stack, controller, control, part)
        episodes.append(record.episodes(control, part))
        trajectories.append(record.trajectories(control, part))
        table[control] = _aggregates(episodes[-1], record, config.resamples)
        if control == "agent":
            latents = record.latent_table(part)
        report((index + 1) / (len(controls) + 1), **_headline(table["agent"]))
    takes = shot(body, config.route, inputs, SIDE_BY_SIDE, None, config.video_seconds)
    filmed = partial(_filmed, report, len(controls), _headline(table["agent"]))
    film_or_excuse(body, takes, out, filmed)
    switches = switch_episodes(body, stack, controller, config.seeds, config.before_switch, config.decisions)
    switches.to_parquet(out / "switches.parquet", index=False)
    write_json(out / "switches.json", switch_table(switches, config.resamples))
    write_json(out / "controls.json", table)
    pd.concat(episodes).to_parquet(out / "episodes.parquet", index=False)
    pd.concat(trajectories).to_parquet(out / "trajectories.parquet", index=False)
    latents.to_parquet(out / "latents.parquet", index=False)
    oracle = {f"oracle_{name}": value for name, value in _headline(table["oracle"]).items()}
    return {**_headline(table["agent"]), **oracle}


@dataclass(frozen=True)
class Suite:
    """Tasks of all episodes (n,), where each comes from: set, seed and number in its set, and begins: (n, state)."""

    tasks: Tasks
    task_set: np.ndarray
    seed: Ints
    number: Ints
    start: Floats

    @staticmethod
    def of(config: EvaluationConfig, body: Body) -> Suite:
        """Reference tasks for every evaluation seed, then the random tasks once."""
        reference = reference_tasks(body.task_ranges, body.space)
        drawn = draw_tasks(np.random.default_rng(_RANDOM_TASKS_SEED), body, config.random_tasks)
        tasks = concatenate([reference] * config.seeds + [drawn])
        bodies = Stepper(body, len(tasks))
        bodies.reset(np.random.default_rng(_EVALUATION_SEED + config.seed))
        return Suite(
            tasks,
            np.repeat(["reference", "random"], [len(reference) * config.seeds, len(drawn)]),
            np.concatenate([np.repeat(np.arange(config.seeds), len(reference)), np.zeros(len(drawn), dtype=int)]),
            np.concatenate([np.tile(np.arange(len(reference)), config.seeds), np.arange(len(drawn))]),
            bodies.state,
        )

    def under(self, control: str) -> Suite:
        """The episodes of a control: random tasks show what the agent, and the oracle, do; physics is what costs."""
        rows = np.isin(self.task_set, ["reference", "random"] if control in _ON_RANDOM_TASKS else ["reference"])
        return Suite(self.tasks[rows], self.task_set[rows], self.seed[rows], self.number[rows], self.start[rows])

    @property
    def shown(self) -> np.ndarray:
        """Positions of the reference tasks under the first seed."""
        return np.flatnonzero((self.task_set == "reference") & (self.seed == 0))


@dataclass
class Record:
    """What happened in the episodes of one control; lists hold one array (n, ...) per decision.

    Bounds of the specification are those of the episodes that are shown alone.
    """

    tasks: Tasks
    steps: dict[str, list[np.ndarray]] = field(default_factory=dict)

    def add(self, **values: np.ndarray) -> None:
        """Append a decision."""
        for name, value in values.items():
            self.steps.setdefault(name, []).append(value)

    def array(self, name: str) -> np.ndarray:
        """(decisions, n, ...) of what was recorded under a name."""
        return np.stack(self.steps[name])

    @property
    def believed(self) -> Ints:
        """(decisions, n): most probable base task."""
        return self.array("probabilities").argmax(axis=-1)

    @property
    def correct(self) -> np.ndarray:
        """(decisions, n): whether the base task is right."""
        return self.believed == self.tasks.base_task

    def episodes(self, control: str, suite: Suite) -> pd.DataFrame:
        """One row per episode."""
        errors = episode_errors(self.tasks, self.array("coordinates"), self.array("fallen"))
        return pd.DataFrame(
            {
                "control": control,
                "task_set": suite.task_set,
                "seed": suite.seed,
                "task": suite.number,
                **_task_columns(self.tasks),
                "settled": errors.settled,
                "mean_speed": self._mean_speed_errors(),
                "raw": errors.raw,
                "whole": errors.whole,
                "success": errors.settled <= SUCCESS,
                "episode_return": self.array("reward").sum(axis=0),
                "fell": self.array("fallen")[-1],
                "seconds": self.array("seconds")[-1],
                "mean_stride": self.array("stride").mean(axis=0),
                "decisions_to_identify": decisions_to_identify(self.correct),
            }
        )

    def _mean_speed_errors(self) -> Floats:
        return mean_speed_errors(self.tasks, *(self.array(name) for name in ("ways", "seconds", "fallen")))

    def trajectories(self, control: str, suite: Suite) -> pd.DataFrame:
        """One row per decision of the reference tasks under the first seed."""
        rows = suite.shown
        coordinates, probabilities = self.array("coordinates")[:, rows], self.array("probabilities")[:, rows]
        decisions, tasks = len(coordinates), self.tasks[rows]
        flat = {name: self.array(name)[:, rows].ravel() for name in ("seconds", "reward", "stride", "command")}
        return pd.DataFrame(
            {
                "control": control,
                "task": np.tile(suite.number[rows], decisions),
                **{name: np.tile(values, decisions) for name, values in _task_columns(tasks).items()},
                "decision": np.repeat(np.arange(1, decisions + 1), len(rows)),
                **{name: coordinates[..., i].ravel() for i, name in enumerate(tasks.space.coordinates)},
                "coordinate": active_coordinate(tasks, coordinates).ravel(),
                **flat,
                "command_kind": np.array(KINDS)[self.array("command_kind")[:, rows].ravel()],
                "believed_base_task": np.array(tasks.space.base_tasks)[self.believed[:, rows].ravel()],
                "belief": probabilities.max(axis=-1).ravel(),
                **{f"p {name}": probabilities[..., i].ravel() for i, name in enumerate(tasks.space.base_tasks)},
                "estimate": self.array("estimate")[:, rows].ravel(),
                "estimate_low": self.array("estimate_low").ravel(),
                "estimate_high": self.array("estimate_high").ravel(),
            }
        )

    def latent_table(self, suite: Suite, every: int = 5) -> pd.DataFrame:
        """Latents of the reference tasks under the first seed, at every fifth decision."""
        z = self.array("latent")[::every, suite.shown]
        numbers = np.arange(1, len(self.steps["latent"]) + 1)[::every]
        flat = z.reshape(-1, z.shape[-1])
        columns = {name: np.tile(values, len(z)) for name, values in _task_columns(self.tasks[suite.shown]).items()}
        columns["task"] = columns.pop("label")
        decision = np.repeat(numbers, len(suite.shown))
        return pd.DataFrame({**columns, "decision": decision, **{f"z{i}": flat[:, i] for i in range(flat.shape[1])}})


def _task_columns(tasks: Tasks) -> dict[str, Any]:
    return {
        "kind": np.array(KINDS)[tasks.kind],
        "base_task": tasks.base_task_names,
        "specification": tasks.specification,
        "label": np.array(tasks.labels()),
    }


@torch.no_grad()
def _episodes(
    config: EvaluationConfig, body: Body, stack: Stack, controller: Controller, control: str, suite: Suite
) -> Record:
    encoder = stack.encoder(control)
    bodies = DecidingBodies(body, controller.act, encoder, len(suite.tasks), np.random.default_rng(config.seed))
    bodies.reset(suite.tasks)
    bodies.stepper.state = suite.start.copy()
    record = Record(suite.tasks)
    rows, places = np.arange(len(suite.tasks)), body.space.place(suite.tasks.kind)
    shown = torch.as_tensor(suite.shown)
    for _ in range(config.decisions):
        decision = stack.decide(control, bodies)
        kind, amount = decision.kind.numpy(), decision.amount.numpy().astype(np.float64)
        outcome = bodies.decide(kind, amount, decision.stride.numpy())
        z = bodies.latent()
        logits, estimates = stack.toy.head(z)
        low, high = specification_interval(stack.toy, encoder, bodies.belief.rows(shown), places[suite.shown])
        record.add(
            coordinates=bodies.coordinates(),
            ways=bodies.stepper.ways(),
            fallen=bodies.fallen.copy(),
            reward=_earned(outcome.last(outcome.rewards), bodies.fallen),
            stride=outcome.stride,
            seconds=bodies.seconds.copy(),
            command_kind=kind,
            command=amount,
            probabilities=logits.softmax(dim=-1).numpy(),
            estimate=estimates.numpy()[rows, places],
            estimate_low=low,
            estimate_high=high,
            latent=z.numpy(),
        )
    return record


def _filmed(report: Progress, controls: int, metrics: Metrics, share: float) -> None:
    """Say how far the film is, which is as much of the stage as one of the controls."""
    report((controls + share) / (controls + 1), **metrics)


def _earned(rewards: Floats, fallen: np.ndarray) -> Floats:
    """Rewards (n,) that count for the return: of a fallen body at best those of standing still."""
    capped = np.maximum(rewards, WORST_REWARD)
    return np.where(fallen, np.minimum(capped, -1.0), capped)


def _aggregates(episodes: pd.DataFrame, record: Record, resamples: int) -> dict[str, dict[str, float]]:
    """Metrics of the reference tasks, each with mean, median, interquartile mean and interval."""
    reference = episodes[episodes.task_set == "reference"]
    columns: dict[str, Any] = {}
    family = reference.kind.str.removesuffix("_y")
    for kind in sorted(set(family)):
        rows = reference[family == kind]
        scores = ("settled", "mean_speed", "raw", "whole", "success")
        columns |= {f"{kind}_{name}": rows[name] for name in scores}
    columns |= {"return": reference.episode_return, "fall_rate": reference.fell}
    columns |= {name: reference[name] for name in ("seconds", "mean_stride", "decisions_to_identify")}
    arrays = {name: values.to_numpy(dtype=float) for name, values in columns.items()}
    table = {name: aggregate(values, resamples) for name, values in arrays.items() if not np.isnan(values).any()}
    rows = np.flatnonzero((episodes.task_set == "reference").to_numpy())
    settled = slice(len(record.steps["reward"]) // 2, None)
    table["base_task_accuracy"] = aggregate(record.correct[settled, rows].mean(axis=0), resamples)
    r2 = specification_r2(record.tasks[rows], record.array("estimate")[settled, rows].mean(axis=0))
    table["specification_r2"] = dict.fromkeys(("mean", "median", "iqm", "low", "high"), r2)
    return table


def _headline(table: dict[str, dict[str, float]]) -> Metrics:
    return {name: values["mean"] for name, values in table.items() if name.endswith(_HEADLINE)}
