"""A sweep: what it can be told, and the points it is made of, each of them a comparison of bodies."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any, get_args

from pydantic import Field

from stages.configs.ablations import ABLATIONS, USUAL, AblationName
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
        return {ending(place): self._told(place) for place in self.places}

    @property
    def variants(self) -> Mapping[str, Mapping[str, Any]]:
        """Ways to train the toy, by name, and what each changes."""
        return ABLATIONS["none"]

    def _told(self, place: Mapping[str, int | str]) -> ComparisonSettings:
        """The comparison at a place."""
        shared = self.model_dump(include={*SharedSettings.model_fields})
        own = {"method": self.methods[0], **place}
        changed = self.variants[str(own.pop("variant", USUAL))]
        toy = {**changed, **self.overrides.get("toy_inference", {})}
        overrides = {**self.overrides, "toy_inference": toy} if toy else self.overrides
        return ComparisonSettings.model_validate(shared | own | {"overrides": overrides})

    @property
    def places(self) -> list[dict[str, int | str]]:
        """Where the points lie: values by axis."""
        axes = {name: of(self) for name, of in AXES.items()}
        told = {name: values for name, values in axes.items() if name == "seed" or len(values) > 1}
        return [dict(zip(told, values, strict=True)) for values in product(*told.values())]

    @property
    def settings(self) -> Settings:
        """What the transfers of the first point are told."""
        return next(iter(self.points.values())).settings


def ending(place: Mapping[str, int | str]) -> str:
    """Of the names of what belongs to a point: ``_methodtigr_seed0``."""
    return "".join(f"_{axis}{_NO_NAME.sub('-', str(value))}" for axis, value in place.items())


_NO_NAME = re.compile(r"[^\w]+")
#: What is swept over beside bodies and routes: the axis, and the values on it.
AXES: dict[str, Callable[[SweepSettings], Sequence[int | str]]] = {
    "method": lambda asked: asked.methods,
    "variant": lambda asked: [*asked.variants],
    "seed": lambda asked: range(asked.seed, asked.seed + asked.seeds),
}


class MethodsSettings(SweepSettings):
    """What a comparison of inference methods can be told; the parameters of its deployment."""

    methods: tuple[MethodName, ...] = Field(
        default=get_args(MethodName), min_length=1, description="of task inference, each with toys of its own"
    )
    ablation: AblationName = Field(
        default="none", description="compare ways to train the toy too: how robust it is made, or options one by one"
    )
    toys_only: bool = Field(default=False, description="compare the toys alone, carry them to no body")

    @property
    def variants(self) -> Mapping[str, Mapping[str, Any]]:
        """The ablation's."""
        return ABLATIONS[self.ablation]
