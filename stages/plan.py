"""The DAG: which stage consumes which, and how each is configured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from envs.body_files import AskedFor, body_path, read_toml, space_name
from envs.errors import UserError
from stages.contract import ROUTES, Route, StageConfig

STAGES = ("toy_inference", "low_level", "striding", "high_level", "evaluation", "plots")
ROUTE_STAGE: dict[Route, str] = {"reuse": "striding", "retrain": "high_level"}
#: Fields that follow from the node and the settings.
_GIVEN = ("body", "tasks", "space", "route", "routes")

#: Seconds per stage: what the tests run.
_TINY: dict[str, dict[str, Any]] = {
    "toy_inference": {"updates": 10, "batch": 32, "width": 16, "policy_width": 16, "train": 2, "held_out": 3},
    "low_level": {"steps": 2048, "bodies": 8, "rollout": 64, "minibatch": 128, "epochs": 2, "width": 16},
    "striding": {"rounds": 12, "bodies": 4, "episode": 10, "updates": 1, "minibatch": 16, "width": 16},
    "high_level": {"updates": 2, "bodies": 4, "rollout": 4, "episode": 8, "epochs": 1, "minibatch": 8, "width": 16},
    "evaluation": {"seeds": 1, "random_tasks": 4, "decisions": 12, "resamples": 20, "video_seconds": 0.5},
    "plots": {"points": 60},
}


class Settings(BaseModel):
    """What a transfer can be told; the parameters of its deployment."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    body: str = Field(default="cheetah", description="body by name, or path of its TOML")
    route: Literal["reuse", "retrain", "both"] = Field(
        default="both", description="reuse the toy policy, retrain, or both"
    )
    tasks: AskedFor = Field(
        default="basic", description="kinds of tasks: velocity and goal, or all: stand, jump and flip besides"
    )
    seed: int = Field(default=0, ge=0, le=2**31 - 1, description="seed of every stage")
    profile: Literal["full", "tiny"] = Field(default="full", description="full training, or seconds per stage")
    overrides: dict[str, dict[str, Any]] = Field(default={}, description="values by config field, by stage")

    @property
    def routes(self) -> tuple[Route, ...]:
        """The routes wanted, in fixed order."""
        return tuple(route for route in ROUTES if self.route in (route, "both"))


@dataclass(frozen=True)
class Node:
    """A stage in the DAG; ``evaluation`` exists once per route."""

    stage: str
    route: Route | None = None

    def __str__(self) -> str:
        return f"{self.stage}_{self.route}" if self.route else self.stage


def parents(node: Node, settings: Settings) -> dict[str, Node]:
    """The nodes that a node consumes, by input name."""
    shared = {name: Node(name) for name in ("toy_inference", "low_level")}
    if node.stage in ("toy_inference", "low_level"):
        return {}
    if node.stage == "evaluation":
        route_stage = ROUTE_STAGE[node.route or "reuse"]
        return shared | {route_stage: Node(route_stage)}
    if node.stage == "plots":
        by_route = {ROUTE_STAGE[route]: Node(ROUTE_STAGE[route]) for route in settings.routes}
        return shared | by_route | {f"evaluation_{route}": Node("evaluation", route) for route in settings.routes}
    return shared


def nodes(settings: Settings) -> list[Node]:
    """Every node of a transfer, parents first."""
    ordered: dict[Node, None] = {}

    def visit(node: Node) -> None:
        for parent in parents(node, settings).values():
            visit(parent)
        ordered[node] = None

    visit(Node("plots"))
    return list(ordered)


def lineage(node: Node, settings: Settings) -> list[Node]:
    """The node and everything it depends on, itself first."""
    above = (lineage(parent, settings) for parent in parents(node, settings).values())
    return list(dict.fromkeys([node, *(ancestor for line in above for ancestor in line)]))


def config_class(stage: str) -> type[StageConfig]:
    """The config of a stage: ``stages.configs.low_level.LowLevelConfig``; needs no torch."""
    if stage not in STAGES:
        raise UserError(f"stage: no {stage!r}; stages are: {', '.join(STAGES)}")
    name = "".join(word.capitalize() for word in stage.split("_")) + "Config"
    return getattr(import_module(f"stages.configs.{stage}"), name)


def configure(node: Node, settings: Settings) -> StageConfig:
    """The stage's config: defaults, then what the body's TOML asks for, then profile, then overrides.

    Raises:
        UserError: an unknown stage or field, a value out of range, an unknown body.
    """
    for stage in settings.overrides:
        config_class(stage)
    model = config_class(node.stage)
    overrides = settings.overrides.get(node.stage, {})
    _refuse_given(overrides, node.stage)
    given = {
        **settings.model_dump(include={"body", "tasks", "seed"}),
        "route": node.route,
        "routes": settings.routes,
        "space": space_name(read_toml(body_path(settings.body)), settings.tasks),
    }
    values = {name: value for name, value in given.items() if name in model.model_fields and value is not None}
    profile = _TINY.get(node.stage, {}) if settings.profile == "tiny" else {}
    recipe = _recipe(model, node.stage, settings.body) if "body" in values else {}
    return validated(model, {**values, **recipe, **profile, **overrides}, f"{node.stage}.")


def _refuse_given(fields: Mapping[str, Any], where: str) -> None:
    for field in _GIVEN:
        if field in fields:
            raise UserError(f"{where}.{field}: not overridable; use the parameter {field.removesuffix('s')}")


def _recipe(model: type[StageConfig], stage: str, body: str) -> dict[str, Any]:
    """Fields of a stage's config that a body's TOML sets: ``[training.low_level]``."""
    path = body_path(body)
    training = read_toml(path).get("training", {})
    recipe = training.get(stage, {}) if isinstance(training, dict) else training
    if not isinstance(recipe, dict):
        raise UserError(f"{path.name}: training.{stage}: not a table of config fields")
    _refuse_given(recipe, f"{path.name}: training.{stage}")
    validated(model, recipe, f"{path.name}: training.{stage}.")
    return recipe


Model = TypeVar("Model", bound=BaseModel)


def validated(model: type[Model], values: Mapping[str, Any], prefix: str = "") -> Model:
    """The values as a model; the first thing wrong with them as one line that names the field."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        field = prefix + ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise UserError(f"{field}: no such field; fields are: {', '.join(model.model_fields)}") from error
        raise UserError(f"{field}: {first['msg']}, got {first['input']!r}") from error
