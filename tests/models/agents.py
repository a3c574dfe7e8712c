"""Agents with random weights, complete with all files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import save_file

from envs.body import load_body
from envs.body_files import body_path, mjcf_path, model_files
from envs.commands import command_features
from envs.stepper import Stepper
from models.agent_files import BODY, CARD, CONTROLLER, DECIDER, TOY, About, Origin, pack, seal
from models.controller import Controller
from models.deciders import HighLevelPolicy, StridePredictor
from models.stored_deciders import save_decider
from models.toy_agent import ToyAgent

Route = Literal["reuse", "retrain"]
_LATENT, _WIDTH = 8, 16


def write_agent(
    folder: Path,
    body: str = "cheetah",
    route: Route = "reuse",
    seed: int = 0,
    width: int = _WIDTH,
    inference: tuple[str, str] = ("gaussian", "gru"),
) -> Path:
    """A folder, that does not exist yet, with an agent of a body that ships, by an inference method and an encoder."""
    torch.manual_seed(seed)
    for part in (BODY, TOY, CONTROLLER, DECIDER):
        (folder / part).mkdir(parents=True)
    described = load_body(body)
    for file in (body_path(body), *model_files(mjcf_path(described.folder, described.mjcf))):
        shutil.copyfile(file, folder / BODY / file.name)
    toy = ToyAgent(described.space.name, _LATENT, width, width, *inference)
    toy.save(folder / TOY)
    (folder / TOY / "decoder.safetensors").unlink()
    features = Stepper(described, 1).observation_size
    controller = Controller(features + command_features(described), described.model.nu, width)
    save_file(dict(controller.state_dict()), folder / CONTROLLER / "controller.safetensors")
    (folder / CONTROLLER / "controller.json").write_text(json.dumps(controller.sizes))
    _write_decider(folder / DECIDER, toy, features, route, width)
    (folder / CARD).write_text("# A card\n")
    origins = [Origin(stage=stage, key="0" * 64, digest="1" * 64) for stage in ("evaluation", "low_level")]
    about = About(
        body=body,
        route=route,
        tasks="basic",
        seed=seed,
        profile="tiny",
        origin=origins[0],
        parents={"low_level": origins[1]},
    )
    seal(folder, about)
    return folder


def packed_agent(
    folder: Path, body: str = "cheetah", route: Route = "reuse", seed: int = 0, width: int = _WIDTH
) -> Path:
    """The same in one file in a folder that exists."""
    out = folder / f"{body}-{route}-{seed}.agent"
    pack(write_agent(folder / out.stem, body, route, seed, width), out)
    return out


def _write_decider(folder: Path, toy: ToyAgent, features: int, route: Route, width: int) -> None:
    predictor, policy = StridePredictor(toy.space.name, features, width), None
    if route == "retrain":
        limits = (3.0,) * len(toy.space.kinds)
        policy = HighLevelPolicy(toy.space.name, features, toy.encoder.latent, width, limits)
    save_decider(folder, predictor, policy)
