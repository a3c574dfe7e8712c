"""The DAG: which stage consumes which, and how each is configured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from envs.body_files import AskedFor, body_names, body_path, read_toml, space_name
from envs.errors import UserError
from stages.configs.methods import DEFAULT_METHOD, MethodName
from stages.configs.profiles import Profile, of_profile
from stages.contract import ROUTES, Route, StageConfig

STAGES = ("toy_inference", "low_level", "striding", "high_level", "evaluation", "plots", "comparison", "cheetah_vel")
ROUTE_STAGE: dict[Route, str] = {"reuse": "striding", "retrain": "high_level"}
#: Fields that follow from the node and the settings, and the parameter that sets them.
_GIVEN = {"body": "body", "tasks": "tasks", "space": "tasks", "method": "method", "route": "route", "routes": "route"}

RouteChoice = Annotated[
    Literal["reuse", "retrain", "both"], Field(description="reuse the toy policy, retrain, or both")
]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1, description="seed of every stage")]
Method = Annotated[MethodName, Field(description="of task inference, which the toy is taught by")]
Overrides = Annotated[dict[str, dict[str, Any]], Field(description="values by config field, by stage")]


class Settings(BaseModel):
    """What a transfer can be told; the parameters of its deployment."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    body: str = Field(default="cheetah", description="body by name, or path of its TOML")
    route: RouteChoice = "both"
    tasks: AskedFor = Field(
        default="basic", description="kinds of tasks: velocity and goal, or all: stand, jump and flip besides"
    )
    method: Method = DEFAULT_METHOD
    seed: Seed = 0
    profile: Profile = "full"
    overrides: Overrides = {}

    @property
    def routes(self) -> tuple[Route, ...]:
        """The routes wanted, in fixed order."""
        return tuple(route for route in ROUTES if self.route in (route, "both"))


#: What ``--dry-run`` does, of a stage and of a whole run.
DRY_RUN = "say what is stored, what differs from it; run nothing"


class StageChoice(BaseModel):
    """What one stage can be told beside the settings: parameters of its deployment, flags of its command."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    force: bool = Field(default=False, description="compute the stage even if it is stored")
    downstream: bool = Field(default=False, description="bring up to date what depends on it too, through plots")


class SharedSettings(BaseModel):
    """What a comparison of bodies and a sweep of such can both be told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bodies: tuple[str, ...] = Field(default=(), description="by name, or path of their TOML; none: all that ship")
    route: RouteChoice = "both"
    seed: Seed = 0
    profile: Profile = "full"
    overrides: Overrides = {}

    @property
    def node(self) -> Node:
        """The comparison that is asked for, its bodies settled."""
        return Node("comparison", bodies=self.bodies or tuple(body_names()))


class ComparisonSettings(SharedSettings):
    """What a comparison of bodies can be told; the parameters of its deployment."""

    method: Method = DEFAULT_METHOD

    @property
    def settings(self) -> Settings:
        """What every body's transfer is told; which body, its nodes say."""
        return Settings.model_validate(self.model_dump(exclude={"bodies"}))


@dataclass(frozen=True)
class Node:
    """A stage in the DAG; ``evaluation`` exists once per route.

    Attributes:
        bodies: whose; by default the one of the settings, and for ``comparison`` all that ship.
        space: of a toy; by default the one that the body of the settings needs.
    """

    stage: str
    route: Route | None = None
    bodies: tuple[str, ...] = ()
    space: str | None = None

    def __str__(self) -> str:
        named = labels(self.bodies) if self.stage != "comparison" else ()
        return "_".join([self.stage, *named, *(part for part in (self.space, self.route) if part)])


def labels(bodies: Sequence[str]) -> tuple[str, ...]:
    """Bodies, given by name or path, by name."""
    return tuple(Path(body).stem for body in bodies)


def bodies_of(node: Node, settings: Settings) -> tuple[str, ...]:
    """Whose a node is: nobody's, one body's, or those of a comparison."""
    if node.stage == "toy_inference":
        return ()
    return node.bodies or (tuple(body_names()) if node.stage == "comparison" else (settings.body,))


def parents(node: Node, settings: Settings) -> dict[str, Node]:
    """The nodes that a node consumes, by input name.

    Raises:
        UserError: two bodies of a comparison have one name, or there is no such body.
    """
    if node.stage in ("toy_inference", "low_level"):
        return {}
    if node.stage == "comparison":
        return _compared(bodies_of(node, settings), settings)
    toy = toy_of(node.bodies[0], settings) if node.bodies else Node("toy_inference")
    shared = {"toy_inference": toy, "low_level": Node("low_level", bodies=node.bodies)}
    if node.stage == "evaluation":
        route_stage = ROUTE_STAGE[node.route or "reuse"]
        return shared | {route_stage: Node(route_stage, bodies=node.bodies)}
    if node.stage == "plots":
        by_route = {ROUTE_STAGE[route]: Node(ROUTE_STAGE[route]) for route in settings.routes}
        return shared | by_route | {f"evaluation_{route}": Node("evaluation", route) for route in settings.routes}
    return shared


def toy_of(body: str, settings: Settings) -> Node:
    """The toy whose task inference a body uses."""
    return Node("toy_inference", space=space_name(read_toml(body_path(body)), settings.tasks))


def toys_of(bodies: Sequence[str], settings: Settings) -> list[Node]:
    """The toys that bodies share, one per space."""
    return list(dict.fromkeys(toy_of(body, settings) for body in bodies))


def _compared(bodies: tuple[str, ...], settings: Settings) -> dict[str, Node]:
    """The toys that the bodies share, one per space, and every body's evaluation by every route."""
    named = labels(bodies)
    if twice := [name for name in named if named.count(name) > 1]:
        raise UserError(f"bodies: {twice[0]!r} is there twice; give every body a name of its own")
    for body in bodies:
        try:
            body_path(body)
        except UserError as error:
            raise UserError(f"bodies: {str(error).removeprefix('body: ')}") from error
    return {str(toy): toy for toy in toys_of(bodies, settings)} | {
        f"evaluation_{name}_{route}": Node("evaluation", route, (body,))
        for body, name in zip(bodies, named, strict=True)
        for route in settings.routes
    }


def nodes(settings: Settings, last: Node | None = None) -> list[Node]:
    """Every node of a transfer, or all that another last node needs and itself; parents first."""
    ordered: dict[Node, None] = {}

    def visit(node: Node) -> None:
        for parent in parents(node, settings).values():
            visit(parent)
        ordered[node] = None

    visit(last or Node("plots"))
    return list(ordered)


def downstream(node: Node, settings: Settings) -> list[Node]:
    """What depends on a node in the transfer of the settings' body, in order.

    Raises:
        UserError: the node is the toy of another space.
    """
    if node.space and node.space != (own := toy_of(settings.body, settings).space):
        raise UserError(f"space: {settings.body} needs the toy of {own!r}; choose body and tasks instead of the space")
    found = [Node(node.stage, node.route)]
    for later in nodes(settings):
        if not set(found).isdisjoint(parents(later, settings).values()):
            found.append(later)
    return found[1:]


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
    _refuse_given(overrides, node.stage, node.stage)
    bodies = bodies_of(node, settings)
    given = {
        **settings.model_dump(include={"tasks", "seed", "method"}),
        "body": next(iter(bodies), None),
        "route": node.route,
        "routes": settings.routes,
        "space": node.space or toy_of(settings.body, settings).space,
    }
    if node.stage == "comparison":  # elsewhere the field counts bodies
        given["bodies"] = labels(bodies)
    values = {name: value for name, value in given.items() if name in model.model_fields and value is not None}
    profile = of_profile(node.stage, settings.profile)
    recipe = _recipe(model, node.stage, bodies[0]) if "body" in values else {}
    return validated(model, {**values, **recipe, **profile, **overrides}, f"{node.stage}.")


def _refuse_given(fields: Mapping[str, Any], stage: str, where: str) -> None:
    for field, parameter in (_GIVEN | ({"bodies": "bodies"} if stage == "comparison" else {})).items():
        if field in fields:
            raise UserError(f"{where}.{field}: not overridable; use the parameter {parameter}")


def _recipe(model: type[StageConfig], stage: str, body: str) -> dict[str, Any]:
    """Fields of a stage's config that a body's TOML sets: ``[training.low_level]``."""
    path = body_path(body)
    training = read_toml(path).get("training", {})
    recipe = training.get(stage, {}) if isinstance(training, dict) else training
    if not isinstance(recipe, dict):
        raise UserError(f"{path.name}: training.{stage}: not a table of config fields")
    _refuse_given(recipe, stage, f"{path.name}: training.{stage}")
    validated(model, recipe, f"{path.name}: training.{stage}.")
    return recipe


Model = TypeVar("Model", bound=BaseModel)


def validated(model: type[Model], values: Mapping[str, Any], prefix: str = "") -> Model:
    """The values as a model; the first thing wrong with them as one line that names the field."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise UserError(_wrong(model, error, prefix)) from error


def _wrong(model: type[BaseModel], error: ValidationError, prefix: str) -> str:
    first = error.errors()[0]
    field = (prefix + ".".join(str(part) for part in first["loc"])).rstrip(".: ")
    said = first["msg"].removeprefix("Value error, ")
    if first["loc"]:  # else it is fields that do not go together, and what was given is all of them
        said = f"{said}, got {first['input']!r}"
    if first["type"] == "extra_forbidden":
        said = f"no such field; fields are: {', '.join(model.model_fields)}"
    return " ".join(f"{field}: {said}".lstrip(": ").split())  # a field's name may hold anything
