"""Profiles: how much of everything a run is given, the full training or seconds per stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

Profile = Annotated[Literal["full", "tiny"], Field(description="full training, or seconds per stage")]

#: Seconds per stage: what the tests run.
_TINY: dict[str, dict[str, Any]] = {
    "toy_inference": {
        "updates": 10,
        "batch": 32,
        "measured": 2,
        "width": 16,
        "policy_width": 16,
        "train": 2,
        "held_out": 3,
    },
    "low_level": {
        "steps": 1024,
        "skill_steps": 512,
        "bodies": 8,
        "rollout": 64,
        "minibatch": 128,
        "epochs": 2,
        "width": 16,
        "repeats": 1,
    },
    "striding": {"rounds": 3, "bodies": 4, "episode": 10, "updates": 1, "minibatch": 16, "width": 16},
    "high_level": {
        "updates": 2,
        "bodies": 4,
        "rollout": 4,
        "episode": 8,
        "epochs": 1,
        "minibatch": 8,
        "width": 16,
        "rounds": 1,
    },
    "evaluation": {
        "seeds": 1,
        "random_tasks": 4,
        "decisions": 8,
        "before_switch": 4,
        "resamples": 20,
        "video_seconds": 0.1,
    },
    "plots": {"points": 60},
    "comparison": {"resamples": 20},
    "toy_comparison": {"resamples": 20, "decisions": 20},
    "cheetah_vel": {
        "steps": 512,
        "bodies": 8,
        "rollout": 32,
        "minibatch": 64,
        "epochs": 1,
        "seeds": 1,
        "resamples": 20,
    },
}


def of_profile(stage: str, profile: Profile) -> Mapping[str, Any]:
    """Values by config field that a profile sets."""
    return _TINY.get(stage, {}) if profile == "tiny" else {}
