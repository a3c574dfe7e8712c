"""Config of stage ``plots``."""

from __future__ import annotations

from pydantic import Field

from stages.contract import ROUTES, Route, StageConfig


class PlotsConfig(StageConfig):
    """What the report shows."""

    body: str = Field(default="cheetah", description="body whose transfer is shown")
    points: int = Field(default=1500, ge=8, le=10_000, description="latents in a map, at most")
    routes: tuple[Route, ...] = Field(default=ROUTES, min_length=1, description="routes to show, in this order")
