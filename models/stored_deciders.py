"""A route's decider from the files that its stage left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

from safetensors.torch import load_file

from models.deciders import Decider, HighLevelPolicy, StridePredictor
from models.toy_agent import ToyAgent, save_module

_Network = TypeVar("_Network", HighLevelPolicy, StridePredictor)
#: Names of the files of a decider: the retrained policy, where there is one, and the predictor of strides.
_POLICY, _STRIDE = "policy", "stride"


def save_decider(folder: Path, predictor: StridePredictor, policy: HighLevelPolicy | None = None) -> None:
    """Sizes as JSON and weights as safetensors, of a policy too where it was retrained."""
    _save(folder, _STRIDE, predictor)
    if policy is not None:
        _save(folder, _POLICY, policy)


def load_decider(toy: ToyAgent, folder: Path) -> Decider:
    """A frozen decider: with ``policy.json`` of route ``retrain``, else of ``reuse``."""
    predictor = _load(folder, _STRIDE, StridePredictor)
    if not (folder / f"{_POLICY}.json").exists():
        return Decider.reuse(toy, predictor)
    return Decider.retrain(toy, _load(folder, _POLICY, HighLevelPolicy), predictor)


def _save(folder: Path, name: str, network: HighLevelPolicy | StridePredictor) -> None:
    save_module(network, folder / f"{name}.safetensors")
    (folder / f"{name}.json").write_text(json.dumps(network.sizes, indent=1, sort_keys=True) + "\n")


def _load(folder: Path, name: str, kind: type[_Network]) -> _Network:
    network = kind(**json.loads((folder / f"{name}.json").read_text()))
    network.load_state_dict(load_file(folder / f"{name}.safetensors"))
    return network.requires_grad_(False).eval()
