"""Equal computations have equal keys, different ones different keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.errors import UserError
from stages import closure
from stages.keys import body_digests, canonical_json, components, digest, key
from stages.plan import Node, Settings, configure

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
TOML = 'name = "slider"\nmjcf = "slider.xml"\ntimestep = 0.01\n[tasks]\nvelocity = [1.0, 2.0]\n'
MJCF = '<mujoco><compiler meshdir="meshes"/><include file="part.xml"/><asset><mesh file="a.stl"/></asset></mujoco>'


@given(st.dictionaries(st.text(), _VALUES))
def test_key_order_is_irrelevant(value: dict[str, object]) -> None:
    assert digest(value) == digest(dict(reversed(value.items())))


@pytest.mark.parametrize(("one", "other"), [(1, 1.0), ((1, 2), [1, 2]), (1e3, 1000), ({"a": 2.0}, {"a": 2})])
def test_spelling_is_irrelevant(one: object, other: object) -> None:
    assert canonical_json(one) == canonical_json(other)


@pytest.mark.parametrize(("one", "other"), [(1, True), (1, "1"), (0.1, 0.2), ([1, 2], [2, 1]), (None, 0)])
def test_values_count(one: object, other: object) -> None:
    assert digest(one) != digest(other)


@pytest.fixture
def body(tmp_path: Path) -> Path:
    (tmp_path / "meshes").mkdir()
    (tmp_path / "meshes" / "a.stl").write_text("mesh")
    (tmp_path / "part.xml").write_text("<mujoco/>")
    (tmp_path / "slider.xml").write_text(MJCF)
    (tmp_path / "slider.toml").write_text(TOML)
    return tmp_path / "slider.toml"


@pytest.mark.parametrize("name", ["slider.xml", "part.xml", "meshes/a.stl"])
def test_every_file_of_a_model_counts(body: Path, name: str) -> None:
    before = body_digests(str(body))
    file = body.parent / name
    file.write_text(file.read_text() + "\n")
    after = body_digests(str(body))
    assert before["toml"] == after["toml"]
    assert before["mjcf"] != after["mjcf"]


def test_body_counts_by_content_not_by_path_or_comment(body: Path, tmp_path: Path) -> None:
    before = body_digests(str(body))
    body.write_text("# a comment\n" + TOML.replace("[1.0, 2.0]", "[1, 2.0]"))
    other = body.rename(tmp_path / "renamed.toml")
    assert body_digests(str(other)) == before
    other.write_text(TOML.replace("0.01", "0.02"))
    assert body_digests(str(other)) != before


def test_broken_body_is_one_line(body: Path) -> None:
    body.write_text("name = ")
    with pytest.raises(UserError, match=r"slider\.toml: not valid TOML"):
        body_digests(str(body))


def _key(settings: Settings, inputs: dict[str, str] | None = None) -> str:
    return key(components("low_level", configure(Node("low_level"), settings), inputs or {}))


def test_config_inputs_and_libraries_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [
        _key(Settings()),
        _key(Settings(seed=1)),
        _key(Settings(overrides={"low_level": {"steps": 10}})),
        _key(Settings(), {"toy_inference": "a"}),
        _key(Settings(), {"toy_inference": "b"}),
    ]
    monkeypatch.setattr(closure, "version", lambda name: "0")
    keys.append(_key(Settings()))
    assert len(set(keys)) == len(keys)


def test_what_a_stage_does_not_read_is_irrelevant() -> None:
    assert _key(Settings()) == _key(Settings(route="reuse", overrides={"low_level": {}}))
