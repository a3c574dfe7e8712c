"""Tasks that change in mid-episode."""

import numpy as np
import pandas as pd
import torch

from envs.body import load_body
from models.controller import Controller
from models.deciders import Decider, StridePredictor
from models.toy_agent import ToyAgent
from stages.controls import Stack
from stages.switches import paired_tasks, switch_episodes, switch_table

CHEETAH = load_body("cheetah")


def test_every_task_changes_into_another_and_over_seeds_into_different_ones():
    first, second = paired_tasks(CHEETAH, 5)
    pairs = set(zip(first.labels(), second.labels(), strict=True))
    assert len(first) == len(second) == 60 and len(pairs) == 60
    assert all(before != after for before, after in pairs)
    changed = first.kind != second.kind
    assert changed.any() and not changed.all()


def test_both_controls_are_scored_after_the_change():
    torch.manual_seed(0)
    toy = ToyAgent("line", 4, 8, 8, "gaussian", "gru").requires_grad_(False)
    controller = Controller(18, 6, 8)
    stack = Stack(toy, Decider.reuse(toy, StridePredictor("line", 17, 8).requires_grad_(False)))
    episodes = switch_episodes(CHEETAH, stack, controller, 1, before=3, decisions=6)
    assert list(episodes.control) == ["agent"] * 12 + ["oracle"] * 12
    assert ((episodes.recovery >= 1) & (episodes.recovery <= 7)).all()
    table = switch_table(episodes, 50)
    own = pd.Series(episodes[episodes.control == "oracle"].settled)
    assert table["oracle"]["settled"]["mean"] == own.mean()
    np.testing.assert_array_equal(
        episodes[episodes.control == "agent"].new_kind, episodes[episodes.control == "oracle"].new_kind
    )
