"""A body at play: wishes are followed from one control step to the next, and a fallen body gets up again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from envs.body import load_body
from envs.errors import UserError
from envs.stepper import Stepper
from models.agent import TransferAgent
from stages.playing import Geometry, Play
from tests.models.agents import packed_agent


def test_the_reward_is_that_of_the_wish(tmp_path: Path) -> None:
    play = Play(TransferAgent.load(packed_agent(tmp_path)))
    play.ask({"kind": "velocity", "specification": -99.0})
    shown = play.step()
    assert shown["specification"] == -2.5 and shown["base_task"] == 1
    assert shown["reward"] == pytest.approx(-abs(shown["coordinates"][1] + 2.5) / 2.5, abs=1e-3)
    play.ask({"formula": "-abs(x - 3) / 3"})
    shown = play.step()
    assert shown["reward"] == pytest.approx(-abs(shown["coordinates"][0] - 3.0) / 3.0, abs=1e-3)
    assert shown["base_task"] is None and shown["kind"] == ""
    play.ask({"formula": "1 / (x - x)"})
    assert (play.step()["reward"], play.step()["number"]) == (-1.0, False)
    with pytest.raises(UserError):
        play.ask({"formula": "z"})
    assert play.step()["formula"] == "1 / (x - x)"
    play.ask({"restart": True})
    assert play.step()["seconds"] == pytest.approx(play.body.dt)


def test_a_fallen_body_starts_anew(tmp_path: Path) -> None:
    play = Play(TransferAgent.load(packed_agent(tmp_path, "walker")))
    shown = [play.step() for _ in range(200)]
    seconds = np.array([each["seconds"] for each in shown])
    again = int(np.flatnonzero(np.diff(seconds) < 0)[0])
    assert sum(each["fallen"] for each in shown[: again + 1]) == round(1.0 / play.body.dt)
    assert not shown[again + 1]["fallen"]


def test_lines_are_where_the_geoms_are() -> None:
    body = load_body("cheetah")
    geometry, stepper = Geometry(body), Stepper(body, 1)
    places = np.array(geometry.places(stepper.state[0])).reshape(-1, 2, 3)
    torso = places[0]  # a capsule of 2 x 0.5 m along x, at a height of 0.7 m
    np.testing.assert_allclose(sorted(torso[:, 0]), [-0.5, 0.5], atol=1e-3)
    np.testing.assert_allclose(torso[:, 2], 0.7, atol=1e-3)
    assert geometry.radii[0] == pytest.approx(0.046) and len(geometry.radii) == len(places)
