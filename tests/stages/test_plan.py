"""How a stage's config comes about: defaults, the body's own recipe, profile, overrides."""

from __future__ import annotations

from pathlib import Path

import pytest

from envs.body_files import body_path
from envs.errors import UserError
from stages.configs.low_level import LowLevelConfig
from stages.plan import Node, Settings, configure


def _body(folder: Path, recipe: str) -> str:
    path = folder / "mybot.toml"
    path.write_text(body_path("cheetah").read_text() + recipe)
    return str(path)


def _configured(body: str, **settings: object) -> LowLevelConfig:
    config = configure(Node("low_level"), Settings.model_validate({"body": body, **settings}))
    assert isinstance(config, LowLevelConfig)
    return config


def test_a_body_brings_its_own_recipe(tmp_path: Path) -> None:
    body = _body(tmp_path, "\n[training.low_level]\nsteps = 5000\nwidth = 32\n")
    config = _configured(body, overrides={"low_level": {"width": 16}})
    assert (config.steps, config.width) == (5000, 16)
    assert config.epochs == LowLevelConfig().epochs
    assert _configured(body, profile="tiny").steps == _configured("cheetah", profile="tiny").steps


@pytest.mark.parametrize(
    ("recipe", "line"),
    [
        ("\n[training.low_level]\nspeed = 1\n", "mybot.toml: training.low_level.speed: no such field"),
        ("\n[training.low_level]\nsteps = 0\n", "mybot.toml: training.low_level.steps: "),
        ("\n[training.low_level]\nbody = 1\n", "mybot.toml: training.low_level.body: not overridable"),
        ("\n[training]\nlow_level = 3\n", "mybot.toml: training.low_level: not a table"),
    ],
)
def test_a_wrong_recipe_names_file_and_field(tmp_path: Path, recipe: str, line: str) -> None:
    with pytest.raises(UserError, match=line):
        _configured(_body(tmp_path, recipe))
