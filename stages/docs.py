"""The config tables of ``docs/stages.md``: ``python -m stages.docs`` writes them anew from the configs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from stages.closure import PROJECT
from stages.plan import STAGES, config_class

PAGE = Path("docs") / "stages.md"
_BOUNDS = {"minimum": "≥ {}", "exclusiveMinimum": "> {}", "maximum": "≤ {}", "exclusiveMaximum": "< {}"}


def filled(page: str) -> str:
    """The page with the table of every stage between its two marks."""
    for stage in STAGES:
        begin, end = f"<!-- config {stage} -->", f"<!-- end {stage} -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        if len(pattern.findall(page)) != 1:
            raise ValueError(f"{PAGE}: {begin} and {end} have to stand there once")
        block = "\n".join([begin, table(stage), end])
        page = pattern.sub(lambda _, block=block: block, page)
    return page


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
    path = PROJECT / PAGE
    path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")
