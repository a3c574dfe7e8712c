"""A route's decider from the files that its stage left."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import load_file

from models.deciders import HighLevelPolicy, ReuseDecider, StridePredictor
from models.toy_agent import ToyAgent


def load_decider(toy: ToyAgent, folder: Path) -> ReuseDecider | HighLevelPolicy:
    """A frozen decider out of ``policy.json`` (route ``retrain``) or ``stride.json``, and the weights beside it."""
    if (folder / "policy.json").exists():
        policy = HighLevelPolicy(**json.loads((folder / "policy.json").read_text()))
        policy.load_state_dict(load_file(folder / "policy.safetensors"))
        return policy.requires_grad_(False).eval()
    predictor = StridePredictor(**json.loads((folder / "stride.json").read_text()))
    predictor.load_state_dict(load_file(folder / "stride.safetensors"))
    return ReuseDecider(toy, predictor.requires_grad_(False).eval())
