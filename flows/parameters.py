"""Parameters of the flows: one definition, ``stages.plan.Settings``, for the form, the command line and the check."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel

from envs.body_files import body_names
from envs.errors import UserError
from stages.plan import (
    STAGES,
    ComparisonSettings,
    Node,
    Settings,
    StageChoice,
    config_class,
    downstream,
    nodes,
    validated,
)
from stages.runner import check as check_nodes
from stages.sweep_plan import MethodsSettings, SweepSettings


def deployment_names() -> dict[str, list[str]]:
    """The deployments by flow."""
    stages = [stage.replace("_", "-") for stage in STAGES]
    gathering = {flow: ["all"] for flow in ("compare-bodies", "sweep", "compare-methods")}
    return {"transfer": body_names(), **gathering, "stage": stages}


def check(parameters: Mapping[str, Any], stage: str = "plots") -> Settings:
    """Settings from parameters as they came in, fit for a stage and all that it depends on.

    Raises:
        UserError: names the parameter, or the stage and field of an override, and what it may be.
    """
    settings = validated(Settings, parameters)
    check_nodes(wanted(stage, settings), settings)
    return settings


def check_stage(parameters: Mapping[str, Any], stage: str) -> tuple[StageChoice, Settings]:
    """What one stage is told, from parameters as they came in.

    Raises:
        UserError: as ``check``.
    """
    of_choice = {name: value for name, value in parameters.items() if name in StageChoice.model_fields}
    choice = validated(StageChoice, of_choice)
    settings = check({name: value for name, value in parameters.items() if name not in of_choice}, stage)
    check_nodes(following(stage, choice, settings), settings)
    return choice, settings


def check_comparison(parameters: Mapping[str, Any]) -> ComparisonSettings:
    """What a comparison of bodies is told, from parameters as they came in.

    Raises:
        UserError: as ``check``, and a body that is not there.
    """
    asked = validated(ComparisonSettings, parameters)
    check_nodes([asked.node], asked.settings)
    return asked


def check_sweep(parameters: Mapping[str, Any]) -> SweepSettings:
    """What a sweep is told, from parameters as they came in.

    Raises:
        UserError: as ``check_comparison``, and workers that are not installed.
    """
    return _checked(validated(SweepSettings, parameters))


def check_methods(parameters: Mapping[str, Any]) -> MethodsSettings:
    """What a comparison of inference methods is told, from parameters as they came in.

    Raises:
        UserError: as ``check_sweep``.
    """
    return _checked(validated(MethodsSettings, parameters))


Swept = TypeVar("Swept", bound=SweepSettings)


def _checked(asked: Swept) -> Swept:
    kind = asked.workers.partition("=")[0]
    if kind != "processes" and find_spec(f"prefect_{kind}") is None:
        raise UserError(f"workers: {kind} is not installed; .venv/bin/pip install -e '.[{kind}]' -c constraints.txt")
    for point in asked.points.values():
        check_nodes([point.node], point.settings)
    return asked


def wanted(stage: str, settings: Settings) -> list[Node]:
    """The nodes of a stage for one body: one, or one per route for ``evaluation``.

    Raises:
        UserError: no such stage, or the route leaves it out.
    """
    config_class(stage)
    if stage == "comparison":
        return [Node(stage, bodies=(settings.body,))]
    found = [node for node in nodes(settings) if node.stage == stage]
    if stage == "cheetah_vel":  # beside the graph
        return [Node(stage)]
    if not found:
        raise UserError(f"route: {settings.route!r} leaves out the stage {stage}; take the other route, or both")
    return found


def following(stage: str, choice: StageChoice, settings: Settings) -> list[Node]:
    """The nodes that depend on a stage and are wanted too, in order."""
    if not choice.downstream:
        return []
    return list(dict.fromkeys(later for node in wanted(stage, settings) for later in downstream(node, settings)))


def typed_by(*models: type[BaseModel]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a function of keyword parameters the types, defaults and descriptions of models.

    Prefect reads a flow's form from its signature and the ``Args`` of its docstring.
    """
    fields = {name: field for model in models for name, field in model.model_fields.items()}

    def dress(function: Callable[..., Any]) -> Callable[..., Any]:
        parameters = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=field.get_default(call_default_factory=True),
                annotation=Annotated[field.annotation, field],
            )
            for name, field in fields.items()
        ]
        lines = [f"    {name}: {field.description}" for name, field in fields.items()]
        function.__doc__ = inspect.cleandoc(function.__doc__ or "") + "\n\nArgs:\n" + "\n".join(lines)
        function.__dict__["__signature__"] = inspect.Signature(parameters)
        function.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return function

    return dress
