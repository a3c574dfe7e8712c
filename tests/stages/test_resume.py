"""A training that is interrupted anywhere and taken up again ends with the bytes of one that was left in peace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from stages import low_level, toy_inference
from stages.configs.high_level import HighLevelConfig
from stages.configs.low_level import LowLevelConfig
from stages.configs.striding import StridingConfig
from stages.configs.toy_inference import ToyInferenceConfig
from stages.contract import Artifact, StageConfig
from stages.store.artifacts import list_files

_TOY = ToyInferenceConfig(
    updates=30,
    fresh=2,
    batch=8,
    measured=4,
    width=8,
    policy_width=8,
    train=2,
    held_out=2,
    worst=0.5,
    permuted=0.3,
    imagined=0.3,
    pcgrad=True,
)
_LOW_LEVEL = LowLevelConfig(
    steps=1536, bodies=8, rollout=32, minibatch=64, epochs=1, width=8, checkpoint_every=2, discount=0.98
)
#: Interrupted in its second beginning, and when one of them goes on.
_BEGINNINGS = _LOW_LEVEL.model_copy(update={"beginnings": 3, "beginning": 0.34})
#: Interrupted in its second skill.
_SKILLS = _LOW_LEVEL.model_copy(update={"tasks": "all", "steps": 512, "skill_steps": 768, "tumbled": 0.5})
CONFIGS: dict[str, StageConfig] = {
    "toy_inference": _TOY,
    "low_level": _LOW_LEVEL,
    "striding": StridingConfig(rounds=4, bodies=4, episode=5, updates=1, minibatch=16, width=8, replay=40),
    "high_level": HighLevelConfig(updates=8, bodies=4, rollout=4, episode=6, epochs=1, minibatch=8, width=8, rounds=1),
}


#: Reports until the interruption.
_AFTER = {"toy_inference": 2, "low_level": 3, "striding": 3, "high_level": 3}


class Interrupted(Exception):
    """Stands for a kill."""


def _quiet(fraction: float, **_: float) -> None:
    return None


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Artifact]:
    made = {}
    for name, run, config in (
        ("toy_inference", toy_inference.run, _TOY),
        ("low_level", low_level.run, _LOW_LEVEL),
    ):
        folder = tmp_path_factory.mktemp(name)
        run(config, {}, folder, _quiet)  # pyright: ignore[reportArgumentType]
        made[name] = Artifact(name, "key", "digest", folder)
    return made


def _interrupting(after: int) -> tuple[Callable[..., None], list[float]]:
    """A progress that ends the training at a report, and the fractions that it was told."""
    told: list[float] = []

    def report(fraction: float, **_: float) -> None:
        told.append(fraction)
        if len(told) == after:
            raise Interrupted

    return report, told


@pytest.mark.parametrize(
    ("stage", "config", "after"),
    [
        *((stage, config, _AFTER[stage]) for stage, config in CONFIGS.items()),
        ("high_level", CONFIGS["high_level"], 11),
        ("low_level", _SKILLS, 5),
        ("low_level", _BEGINNINGS, 5),
        ("low_level", _BEGINNINGS, 11),
    ],
)
def test_an_interruption_leaves_no_trace(
    inputs: Mapping[str, Artifact], tmp_path: Path, stage: str, config: StageConfig, after: int
) -> None:
    run: Any = import_module(f"stages.{stage}").run
    straight, resumed = tmp_path / "straight", tmp_path / "resumed"
    for folder in (straight, resumed):
        folder.mkdir()
    metrics = run(config, inputs, straight, _quiet)
    report, told = _interrupting(after)
    with pytest.raises(Interrupted):
        run(config, inputs, resumed, report)
    assert (resumed / ".checkpoint").is_dir()
    assert run(config, inputs, resumed, report) == metrics
    assert told[after] > told[0], "it did not begin at the beginning"
    assert list_files(resumed) == list_files(straight)
