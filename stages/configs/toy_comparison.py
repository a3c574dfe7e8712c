"""Config of stage ``toy_comparison``."""

from __future__ import annotations

from pydantic import Field

from stages.contract import StageConfig


class ToyComparisonConfig(StageConfig):
    """Which toys the table of inference methods is made of, and how sure it is."""

    toys: dict[str, str] = Field(
        min_length=1, description="by input, a toy: the method that it was taught by, and the variant"
    )
    decisions: int = Field(
        default=200, ge=10, le=10_000, description="of an episode; returns are sums over them, as the published ones"
    )
    resamples: int = Field(default=2000, ge=10, le=1_000_000, description="bootstrap resamples of the intervals")
