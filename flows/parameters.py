"""Parameters of the flows: one definition, ``stages.plan.Settings``, for the form, the command line and the check."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel

from stages.plan import Settings, configure, nodes, validated


def check(parameters: Mapping[str, Any]) -> Settings:
    """Settings from parameters as they came in.

    Raises:
        UserError: names the parameter, or the stage and field of an override, and what it may be.
    """
    settings = validated(Settings, parameters)
    for node in nodes(settings):
        configure(node, settings)
    return settings


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
                annotation=Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation,
            )
            for name, field in fields.items()
        ]
        lines = [f"    {name}: {field.description}" for name, field in fields.items()]
        function.__doc__ = inspect.cleandoc(function.__doc__ or "") + "\n\nArgs:\n" + "\n".join(lines)
        function.__dict__["__signature__"] = inspect.Signature(parameters)
        function.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return function

    return dress
