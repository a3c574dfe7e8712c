"""Stage ``low_level``: a goal-conditioned controller of one body, by Stable-Baselines3's PPO."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports below, which take seconds
    from stages.cli import main

    main("low_level")

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from envs.body import Body, load_body
from envs.practice import Skill, skills
from envs.tasks import KINDS, STAND, Tasks
from envs.tracking import Tracking, track
from models.controller import Controller
from stages.configs.low_level import LowLevelConfig
from stages.contract import Artifact, Metrics, Progress, write_curve, write_json, write_tensors
from stages.skill import learn, tracking_metrics

#: Seed of the measured episodes of the result, apart from training seeds and from that of the learning curve.
_TRACKING_SEED = 10_007
#: How what has first to be found at all, as a flip, is practised: wider and smoother trials, and a longer view.
_FOUND: Mapping[str, float] = {"discount": 0.99, "deviation": 0.9, "change": 5.0, "tumbled": 0.5, "smooth": 4}
#: How a pitch is practised, which has to be held: from wherever it leads, hardly turning; wide trials upset a balance.
_HELD: Mapping[str, float] = {"discount": 0.98, "change": 5.0, "tumbled": 0.8, "turning": 1.0}


def run(config: LowLevelConfig, inputs: Mapping[str, Artifact], out: Path, report: Progress) -> Metrics:
    """Train skill by skill, measure how commands are tracked; write controller, learning curve and tracking table."""
    body = load_body(config.body, config.tasks)
    lessons = _lessons(config, body)
    learnt: list[Controller] = []
    rows: list[dict[str, float]] = []
    for skill, own in lessons:
        before, every = (sum(each.steps for _, each in some) for some in (lessons[: len(learnt)], lessons))
        told = partial(_told, report, before / every, own.steps / every)
        controller, curve = learn(own, body, skill, out / ".checkpoint" / skill.name, told)
        learnt.append(controller)
        rows += [{**row, "step": before + row["step"]} for row in curve]
    controller = Controller.joined(learnt)
    tracking = track(body, controller.act, _TRACKING_SEED, config.repeats, only=config.only)
    _write(out, body, controller, tracking, rows)
    return tracking_metrics(tracking)


def _lessons(config: LowLevelConfig, body: Body) -> list[tuple[Skill, LowLevelConfig]]:
    """All that the body is asked for; where one velocity is practised alone, what it belongs to."""
    ground, *others = skills(body)
    if config.only is not None:
        return [(ground, config)]
    return [(ground, config), *((other, config.model_copy(update=_recipe(config, other))) for other in others)]


def _recipe(config: LowLevelConfig, skill: Skill) -> dict[str, float]:
    """Config fields by which a skill other than the ground's is practised."""
    return {**(_HELD if STAND in skill.kinds else _FOUND), "steps": config.skill_steps}


def _told(report: Progress, begun: float, share: float, fraction: float, **metrics: float) -> None:
    """Progress of a skill as that of the stage."""
    report(begun + share * fraction, **metrics)


def _write(out: Path, body: Body, controller: Controller, tracking: Tracking, rows: Sequence[dict[str, float]]) -> None:
    write_tensors(out / "controller.safetensors", controller.state_dict())
    write_json(out / "controller.json", controller.sizes)
    write_curve(out, list(rows))
    table = pd.DataFrame(
        {
            "kind": [KINDS[k] for k in tracking.kind],
            "base_task": Tasks(tracking.kind, tracking.amount, body.space).base_task_names,
            "amount": tracking.amount,
            "error": tracking.error,
            "mean_error": tracking.mean_error,
            "fell": tracking.fell.astype(float),
        }
    )
    means = table.pivot_table(index=["kind", "base_task", "amount"]).reset_index()
    means.to_parquet(out / "tracking.parquet", index=False)
