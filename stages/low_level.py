"""Stage ``low_level``: a goal-conditioned controller of one body, by Stable-Baselines3's PPO."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports below, which take seconds
    from stages.cli import main

    main("low_level")

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
from torch.nn.functional import pad

from envs.body import Body, load_body
from envs.commands import command_features
from envs.practice import Skill, skills
from envs.stepper import Stepper
from envs.tasks import KINDS, STAND, Tasks
from envs.tracking import Tracking, track
from models.controller import Controller
from stages.configs.low_level import LowLevelConfig
from stages.contract import Artifact, Metrics, Progress, write_curve, write_json, write_tensors
from stages.skill import learn, tracking_metrics

#: Seed of the measured episodes of the result, apart from training seeds and from that of the learning curve.
_TRACKING_SEED = 10_007
#: How what has first to be found at all, as a flip, is practised: wider and smoother trials, and a longer view.
_FOUND: Mapping[str, float] = {
    "discount": 0.99,
    "deviation": 0.9,
    "change": 5.0,
    "tumbled": 0.5,
    "calm": 0,
    "speeds": 0.5,
    "overturned_cost": 0.0,
    "smooth": 4,
}
#: How a pitch is practised, which has to be held: from wherever it leads, hardly turning; wide trials upset a balance.
_HELD: Mapping[str, float] = {
    "discount": 0.98,
    "change": 5.0,
    "tumbled": 0.8,
    "turning": 1.0,
    "calm": 0,
    "overturned_cost": 0.0,
}


def run(config: LowLevelConfig, inputs: Mapping[str, Artifact], out: Path, report: Progress) -> Metrics:
    """Train skill by skill, measure how commands are tracked; write controller, learning curve and tracking table."""
    body = load_body(config.body, config.tasks)
    lessons = _lessons(config, body)
    learnt: list[Controller] = []
    rows: list[dict[str, float]] = []
    for lesson in lessons:
        before, every = (sum(each.config.steps for each in some) for some in (lessons[: len(learnt)], lessons))
        told = partial(_told, report, before / every, lesson.config.steps / every)
        folder = out / ".checkpoint" / lesson.skill.name
        controller, curve = learn(lesson.config, lesson.body, lesson.skill, folder, told)
        learnt.append(controller)
        rows += [{**row, "step": before + row["step"]} for row in curve]
    controller = _joined(learnt, Stepper(body, 1).observation_size + command_features(body))
    tracking = track(body, controller.act, _TRACKING_SEED, config.repeats, only=config.only)
    _write(out, body, controller, tracking, rows)
    return tracking_metrics(tracking)


@dataclass(frozen=True)
class _Lesson:
    """A skill, the body that practises it, and how."""

    body: Body
    skill: Skill
    config: LowLevelConfig


def _lessons(config: LowLevelConfig, body: Body) -> list[_Lesson]:
    """All that the body is asked for; where one velocity is practised alone, what it belongs to.

    The ground is practised as by a body that is asked for nothing else: what else there is costs no gait.
    """
    walking = load_body(config.body)
    ground = _Lesson(walking, skills(walking)[0], config)
    if config.only is not None:
        return [ground]
    others = skills(body)[1:]
    return [ground, *(_Lesson(body, each, config.model_copy(update=_recipe(config, each))) for each in others)]


def _recipe(config: LowLevelConfig, skill: Skill) -> dict[str, float]:
    """Config fields by which a skill other than the ground's is practised."""
    return {**(_HELD if STAND in skill.kinds else _FOUND), "steps": config.skill_steps, "beginnings": 1}


def _joined(learnt: Sequence[Controller], observations: int) -> Controller:
    """One controller of the ground's and those of the other skills, of whose flags the ground's takes no notice."""
    ground, *others = learnt
    wider = Controller(**{**ground.sizes, "observations": observations})
    known, more = ground.state_dict(), observations - ground.sizes["observations"]
    blank = {"mean": 0.0, "variance": 1.0, "net.0.weight": 0.0}
    wider.load_state_dict(known | {name: pad(known[name], (0, more), value=value) for name, value in blank.items()})
    return Controller.joined([wider, *others])


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
