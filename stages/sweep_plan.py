"""A sweep: what it can be told, and the points it is made of, each of them a comparison of bodies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import get_args

from pydantic import Field

from stages.configs.methods import DEFAULT_METHOD, MethodName
from stages.plan import ComparisonSettings, Settings, SharedSettings


class SweepSettings(SharedSettings):
    """What a sweep can be told; the parameters of its deployment."""

    seeds: int = Field(default=3, ge=1, le=1000, description="training seeds: as many, from seed on")
    methods: tuple[MethodName, ...] = Field(
        default=(DEFAULT_METHOD,), min_length=1, description="of task inference, each with toys of its own"
    )
    workers: str = Field(
        default="processes",
        pattern=r"^(processes|(dask|ray)(=\S+)?)$",
        description="who computes: processes, or dask or ray on this machine; dask=ADDRESS or ray=ADDRESS: a cluster",
    )
    at_once: int = Field(default=2, ge=1, le=1000, description="stages at a time; a cluster decides that itself")

    @property
    def points(self) -> dict[str, ComparisonSettings]:
        """The comparisons of the sweep, by the ending of the names of what belongs to them: ``_seed0``."""
        shared = self.model_dump(include={*SharedSettings.model_fields})
        endings = ["".join(f"_{axis}{value}" for axis, value in place.items()) for place in self.places]
        shared["method"] = self.methods[0]
        told = [ComparisonSettings.model_validate(shared | place) for place in self.places]
        return dict(zip(endings, told, strict=True))

    @property
    def places(self) -> list[dict[str, int | str]]:
        """Where the points lie: values by axis, which are parameters of a comparison."""
        axes = {name: of(self) for name, of in AXES.items()}
        told = {name: values for name, values in axes.items() if name == "seed" or len(values) > 1}
        return [dict(zip(told, values, strict=True)) for values in product(*told.values())]

    @property
    def settings(self) -> Settings:
        """What the transfers of the first point are told."""
        return next(iter(self.points.values())).settings


#: What is swept over beside bodies and routes: the parameter of a comparison, and its values.
AXES: dict[str, Callable[[SweepSettings], Sequence[int | str]]] = {
    "method": lambda asked: asked.methods,
    "seed": lambda asked: range(asked.seed, asked.seed + asked.seeds),
}


class MethodsSettings(SweepSettings):
    """What a comparison of inference methods can be told; the parameters of its deployment."""

    methods: tuple[MethodName, ...] = Field(
        default=get_args(MethodName), min_length=1, description="of task inference, each with toys of its own"
    )
