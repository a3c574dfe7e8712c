"""Random configs and body files: accepted, or refused in one line that names the field."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envs.body import Body, load_body
from envs.body_files import body_path
from envs.errors import UserError
from stages.plan import STAGES, ComparisonSettings, Node, Settings, config_class, configure, validated
from tests.benchmarks.table import Recorder

_CONFIGS, _BODIES = 8000, 4000
_FUZZ = {"deadline": None, "database": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}

_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["cheetah", "all"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_FIELDS = sorted({name for stage in STAGES for name in config_class(stage).model_fields})
_OVERRIDES = st.dictionaries(
    st.sampled_from([*STAGES, "plot"]),
    st.dictionaries(st.sampled_from(_FIELDS) | st.text(), _VALUES, max_size=3) | _VALUES,
)
_PARAMETERS = st.dictionaries(
    st.sampled_from([*Settings.model_fields, *ComparisonSettings.model_fields]) | st.text(max_size=8),
    _VALUES,
    max_size=3,
)


class Verdicts:
    """How often something was accepted, and what was not said as it should be."""

    def __init__(self) -> None:
        self.tried, self.accepted = 0, 0
        self.wrong: list[str] = []

    def take(self, attempt: Callable[[], object], named: Callable[[str], bool]) -> None:
        """Try; a refusal has to be one line in which the thing refused is named."""
        self.tried += 1
        try:
            attempt()
            self.accepted += 1
        except UserError as error:
            line = str(error)
            if "\n" in line or not named(line):
                self.wrong.append(line)
        except Exception as error:  # noqa: BLE001 - whatever else comes out is what is looked for
            self.wrong.append(f"{type(error).__name__}: {error}")

    def record(self, record: Recorder, what: str, bar: int) -> None:
        """One row for how many, one for those that were wrong."""
        record.at_least(f"fuzz, {what} tried", bar, self.tried, note=f"{self.accepted} accepted")
        record.at_most(
            f"fuzz, {what} neither accepted nor refused in a line", 0, len(self.wrong), note=repr(self.wrong[:2])
        )


def test_configs(record: Recorder) -> None:
    verdicts = Verdicts()

    @settings(max_examples=_CONFIGS, **_FUZZ)
    @given(parameters=_PARAMETERS, overrides=_OVERRIDES | _VALUES, stage=st.sampled_from(STAGES))
    def fuzz(parameters: dict[str, Any], overrides: Any, stage: str) -> None:
        told = {**parameters, "overrides": overrides}
        node = Node(stage, "reuse" if stage == "evaluation" else None)
        names = [*Settings.model_fields, *(" ".join(str(name).split()) for name in told), *STAGES, *_FIELDS]
        verdicts.take(
            lambda: configure(node, validated(Settings, told)), lambda line: any(str(name) in line for name in names)
        )

    fuzz()
    verdicts.record(record, "configs", _CONFIGS)


def _paths(table: dict[str, Any]) -> list[tuple[str, ...]]:
    return [
        path
        for name, value in table.items()
        for path in [(name,), *((name, *rest) for rest in (_paths(value) if isinstance(value, dict) else []))]
    ]


def _toml(value: Any) -> str:
    """TOML of a value; numbers that TOML spells otherwise, and nothing at all for what it has not."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return '"' + "".join(c if c.isprintable() and c not in '"\\' else " " for c in value) + '"'
        case list():
            return "[" + ", ".join(_toml(item) for item in value if item is not None) + "]"
        case dict():
            inner = [f"{_toml(str(name))} = {_toml(item)}" for name, item in value.items() if item is not None]
            return "{" + ", ".join(inner) + "}"
        case _:
            return '""'


@pytest.mark.parametrize("asked", ["basic", "all"])
def test_bodies(record: Recorder, tmp_path: Path, asked: Any) -> None:
    """A body's description with one thing in it changed, dropped or added."""
    verdicts, path = Verdicts(), tmp_path / "made.toml"
    described = tomllib.loads(body_path("cheetah").read_text())
    added = [("servo",), ("healthy", "z"), ("coordinates", "heading"), ("what",), ("tasks", "what")]
    places = [*_paths(described), *added]

    @settings(max_examples=_BODIES, **_FUZZ)
    @given(place=st.sampled_from(places), value=_VALUES, drop=st.booleans())
    def fuzz(place: tuple[str, ...], value: Any, drop: bool) -> None:
        changed = tomllib.loads(body_path("cheetah").read_text())
        table = changed
        for name in place[:-1]:
            table = table.setdefault(name, {})
        table.pop(place[-1], None)
        if not drop:
            table[place[-1]] = value
        path.write_text("\n".join(f"{name} = {_toml(part)}" for name, part in changed.items() if part is not None))
        names = [*place, *Body.model_fields, "not valid TOML"]
        verdicts.take(lambda: load_body(str(path), asked), lambda line: any(name in line for name in names))

    fuzz()
    verdicts.record(record, f"body files, tasks={asked}", _BODIES)
