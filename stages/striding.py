"""Stage ``striding`` (route ``reuse``): how long each command of the frozen toy policy is held."""

from __future__ import annotations

if __name__ == "__main__":  # before the imports below, which take seconds
    from stages.cli import main

    main("striding")

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch

from envs.body import load_body
from models.controller import Controller
from models.deciders import Decider
from models.stored_deciders import save_decider
from models.toy_agent import ToyAgent
from stages.configs.striding import StridingConfig
from stages.contract import Artifact, Metrics, Progress, write_curve
from stages.strides import learn_strides


def run(config: StridingConfig, inputs: Mapping[str, Artifact], out: Path, report: Progress) -> Metrics:
    """Train the predictor on the body and write it with its learning curve."""
    torch.manual_seed(config.seed)
    body, controller = load_body(config.body, config.tasks), Controller.load(inputs["low_level"].folder)
    toy = ToyAgent.load(inputs["toy_inference"].folder)
    deciding = partial(Decider.reuse, toy)
    predictor, rows = learn_strides(config, body, controller, toy.encoder, deciding, out / ".checkpoint", report)
    save_decider(out, predictor)
    write_curve(out, rows)
    return {"reward_per_decision": rows[-1]["reward"], "mean_stride": rows[-1]["stride"]}
