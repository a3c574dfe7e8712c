"""Config of stage ``comparison``."""

from __future__ import annotations

from pydantic import Field

from stages.contract import ROUTES, Route, StageConfig


class ComparisonConfig(StageConfig):
    """Which evaluations the table of bodies shows, and how sure it is."""

    bodies: tuple[str, ...] = Field(
        default=(), min_length=1, description="bodies by name, or paths of their TOML; none: all that ship"
    )
    routes: tuple[Route, ...] = Field(default=ROUTES, min_length=1, description="routes to show, in this order")
    resamples: int = Field(default=2000, ge=10, le=1_000_000, description="bootstrap resamples of the intervals")
