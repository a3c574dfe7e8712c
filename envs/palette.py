"""One colour per base task and per control, the same in every figure and every film."""

from __future__ import annotations

from collections.abc import Mapping

BASE_TASK_COLOURS: Mapping[str, str] = {
    "velocity forward": "#1f77b4",
    "velocity backward": "#17becf",
    "goal forward": "#d62728",
    "goal backward": "#ff7f0e",
    "velocity left": "#3b4cc0",
    "velocity right": "#6ec3e8",
    "goal left": "#8c1d2f",
    "goal right": "#e8a33d",
    "stand forward": "#2e8b57",
    "stand backward": "#8fbc3f",
    "jump": "#8a4fbf",
    "flip forward": "#c2387f",
    "flip backward": "#e58fb8",
}
CONTROL_COLOURS: Mapping[str, str] = {
    "agent": "#1f2933",
    "oracle": "#2ca02c",
    "no_inference": "#8c96a0",
    "random_encoder": "#bcc4cb",
}
CONTROL_TITLES: Mapping[str, str] = {
    "agent": "agent",
    "oracle": "oracle",
    "no_inference": "no inference",
    "random_encoder": "random encoder",
    "fixed_1": "fixed stride 1",
    "fixed_5": "fixed stride 5",
    "fixed_10": "fixed stride 10",
    "fixed_20": "fixed stride 20",
}


def rgb(colour: str) -> tuple[int, int, int]:
    """Red, green and blue, 0 to 255, of ``#rrggbb``."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return red, green, blue
