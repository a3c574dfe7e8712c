"""How a stage's config comes about: defaults, the body's own recipe, profile, overrides."""

from __future__ import annotations

from pathlib import Path

import pytest

from envs.body_files import body_names, body_path
from envs.errors import UserError
from stages.configs.comparison import ComparisonConfig
from stages.configs.low_level import LowLevelConfig
from stages.configs.toy_inference import ToyInferenceConfig
from stages.contract import ROUTES
from stages.plan import ComparisonSettings, Node, Settings, configure, nodes, parents


def _body(folder: Path, recipe: str) -> str:
    path = folder / "mybot.toml"
    path.write_text(body_path("cheetah").read_text().partition("[training")[0] + recipe)
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


def test_a_comparison_has_one_toy_and_an_evaluation_per_body_and_route(tmp_path: Path) -> None:
    mine = _body(tmp_path, "")
    comparison = ComparisonSettings(bodies=("cheetah", mine), route="reuse")
    assert parents(comparison.node, comparison.settings) == {
        "toy_inference_line": Node("toy_inference", space="line"),
        "evaluation_cheetah_reuse": Node("evaluation", "reuse", ("cheetah",)),
        "evaluation_mybot_reuse": Node("evaluation", "reuse", (mine,)),
    }
    order = nodes(comparison.settings, comparison.node)
    assert [str(node) for node in order] == [
        *("toy_inference_line", "low_level_cheetah", "striding_cheetah", "evaluation_cheetah_reuse"),
        *("low_level_mybot", "striding_mybot", "evaluation_mybot_reuse", "comparison"),
    ]
    bodies = [getattr(configure(node, comparison.settings), "body", None) for node in order]
    assert bodies == [None, *["cheetah"] * 3, *[mine] * 3, None]
    config = configure(comparison.node, comparison.settings)
    assert isinstance(config, ComparisonConfig)
    assert (config.bodies, config.routes) == (("cheetah", "mybot"), ("reuse",))


def test_every_space_has_its_own_toy() -> None:
    asked = ComparisonSettings(bodies=("cheetah", "ant"), route="reuse")
    toys = [node for node in nodes(asked.settings, asked.node) if node.stage == "toy_inference"]
    assert [str(toy) for toy in toys] == ["toy_inference_line", "toy_inference_plane"]
    spaces = [configure(toy, asked.settings).model_dump()["space"] for toy in toys]
    assert spaces == ["line", "plane"]
    for settings, space in ((Settings(body="ant"), "plane"), (Settings(tasks="all"), "posture")):
        assert configure(Node("toy_inference"), settings).model_dump()["space"] == space


def test_a_body_of_a_comparison_is_configured_as_in_its_transfer(tmp_path: Path) -> None:
    mine = _body(tmp_path, "\n[training.low_level]\nsteps = 5000\n")
    assert configure(Node("low_level", bodies=(mine,)), Settings()) == _configured(mine)
    assert configure(Node("low_level", bodies=("cheetah",)), Settings(body=mine)) == _configured("cheetah")


def test_by_default_all_bodies_that_ship_are_compared() -> None:
    assert ComparisonSettings().node.bodies == tuple(body_names())
    named = {name for name in parents(Node("comparison"), Settings()) if name.startswith("evaluation_")}
    assert named == {f"evaluation_{body}_{route}" for body in body_names() for route in ROUTES}


def test_bodies_need_names_of_their_own(tmp_path: Path) -> None:
    for bodies, line in (
        (("cheetah", "mouse"), "bodies: no 'mouse'"),
        (("cheetah",) * 2, "bodies: 'cheetah' is there"),
    ):
        with pytest.raises(UserError, match=line):
            parents(Node("comparison", bodies=bodies), Settings())


def test_bodies_are_no_override() -> None:
    with pytest.raises(UserError, match=r"comparison.bodies: not overridable; use the parameter bodies"):
        configure(Node("comparison"), Settings(overrides={"comparison": {"bodies": ["cheetah"]}}))


@pytest.mark.parametrize(("tasks", "asked", "latent"), [("basic", {}, 8), ("all", {}, 16), ("all", {"latent": 12}, 12)])
def test_a_toy_of_many_kinds_has_room_in_its_latent(tasks: str, asked: dict[str, int], latent: int) -> None:
    settings = Settings.model_validate({"body": "cheetah", "tasks": tasks, "overrides": {"toy_inference": asked}})
    config = configure(Node("toy_inference"), settings)
    assert isinstance(config, ToyInferenceConfig) and config.latent_size == latent
