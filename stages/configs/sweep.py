"""Config of stage ``sweep``."""

from __future__ import annotations

from pydantic import Field

from stages.contract import StageConfig


class SweepConfig(StageConfig):
    """Which comparisons the table of a sweep is made of, and how sure it is."""

    points: dict[str, dict[str, int | str]] = Field(
        min_length=1,
        description="by input, a comparison of bodies: where it lies on the sweep's axes, seed among them",
    )
    resamples: int = Field(default=2000, ge=10, le=1_000_000, description="bootstrap resamples of the intervals")
