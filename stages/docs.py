"""The config tables of ``docs/stages/``: ``python -m stages.docs`` writes them anew from the configs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from stages.closure import PROJECT
from stages.plan import STAGES, config_class

FOLDER = PROJECT / "docs" / "stages"
_BEGIN, _END = "<!-- config -->", "<!-- end config -->"
_BOUNDS = {"minimum": "≥ {}", "exclusiveMinimum": "> {}", "maximum": "≤ {}", "exclusiveMaximum": "< {}"}


def page_of(stage: str) -> Path:
    """Where the page of a stage lies."""
    return FOLDER / f"{stage}.md"


def filled(stage: str, text: str) -> str:
    """The text of a stage's page with the table of its config between the two marks."""
    pattern = re.compile(f"{re.escape(_BEGIN)}.*?{re.escape(_END)}", re.DOTALL)
    if len(pattern.findall(text)) != 1:
        raise ValueError(f"{page_of(stage).name}: {_BEGIN} and {_END} have to stand there once")
    return pattern.sub(lambda _: "\n".join([_BEGIN, table(stage), _END]), text)


def table(stage: str) -> str:
    """Fields of a stage's config as a Markdown table."""
    fields: dict[str, dict[str, Any]] = config_class(stage).model_json_schema()["properties"]
    rows = [
        f"| `{name}` | {_value(about['default'])} | {_values(about)} | {about['description']} |"
        for name, about in fields.items()
    ]
    return "\n".join(["| field | default | values | meaning |", "|---|---|---|---|", *rows])


def _values(about: dict[str, Any]) -> str:
    if "enum" in about:
        return " or ".join(map(_value, about["enum"]))
    return ", ".join(words.format(_value(about[bound])) for bound, words in _BOUNDS.items() if bound in about)


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_value, value))
    return f"{value:_}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    for stage in STAGES:
        path = page_of(stage)
        path.write_text(filled(stage, path.read_text(encoding="utf-8")), encoding="utf-8")
