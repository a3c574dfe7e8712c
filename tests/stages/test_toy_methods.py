"""Toys of every method and encoder: they train, are written and come back, and are put into one table."""

from itertools import product
from pathlib import Path
from typing import Any, get_args

import pandas as pd
import pytest
import torch

from envs.errors import UserError
from models.toy_agent import ToyAgent
from stages.configs.methods import MethodName
from stages.configs.toy_comparison import ToyComparisonConfig
from stages.configs.toy_inference import EncoderName, ToyInferenceConfig
from stages.contract import Artifact
from stages.plan import Settings, configure, nodes, validated
from stages.sweep_plan import MethodsSettings, SweepSettings
from stages.toy_comparison import improvement
from stages.toy_comparison import run as compare
from stages.toy_inference import run

TINY = {
    **{"updates": 3, "batch": 16, "fresh": 1, "measured": 1, "refit": 2},
    **{"width": 8, "policy_width": 8, "train": 2, "held_out": 2},
}
METHODS, ENCODERS = get_args(MethodName), get_args(EncoderName)
#: Enough for what begins later in a training.
UPDATES = 4
OPTED = ("gaussian", "melts")
OPTIONS: list[dict[str, Any]] = [
    {"policy_sees": "sample"},
    {"permuted": 1.0},
    {"imagined": 1.0},
    {"worst": 1.0},
    {"pcgrad": True},
]
PAIRS = [pair for pair in product(METHODS, ENCODERS) if pair[0] != "pearl" or pair[1] == "product"]


def _train(folder: Path, method: str, encoder: str | None = None, **options: Any) -> Artifact:
    folder.mkdir()
    config = ToyInferenceConfig.model_validate({**TINY, "method": method, "encoder": encoder, **options})
    run(config, {}, folder, lambda *_, **__: None)
    return Artifact("toy_inference", "", "", folder)


@pytest.mark.parametrize(("method", "encoder"), PAIRS, ids=map("-".join, PAIRS))
def test_every_pair_that_makes_sense_trains_and_comes_back(tmp_path: Path, method: str, encoder: str):
    artifact = _train(tmp_path / "toy", method, encoder)
    first, second = (ToyAgent.load(artifact.folder) for _ in range(2))
    transitions = torch.randn(4, 6, 5)
    z = first.encoder.along(transitions).mean
    assert z.shape == (4, 7, first.encoder.latent) and torch.isfinite(z).all()
    torch.testing.assert_close(second.encoder.along(transitions).mean, z, rtol=0, atol=0)


@pytest.mark.parametrize("encoder", [encoder for encoder in ENCODERS if encoder != "product"])
def test_a_pair_that_makes_no_sense_is_refused_in_a_line(encoder: str):
    with pytest.raises(UserError, match=r"^pearl infers from a set; take encoder product, .* no order$"):
        validated(ToyInferenceConfig, {"method": "pearl", "encoder": encoder})


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Policies without any option."""
    folders = {name: tmp_path_factory.mktemp(name) / "toy" for name in OPTED}
    trained = {name: _train(folder, name, updates=UPDATES).folder for name, folder in folders.items()}
    return {name: (folder / "policy.safetensors").read_bytes() for name, folder in trained.items()}


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: next(iter(option)))
@pytest.mark.parametrize("method", OPTED)
def test_options_change_what_is_learnt(tmp_path: Path, method: str, option: dict[str, Any], plain: dict[str, bytes]):
    folder = _train(tmp_path / "toy", method, **option, updates=UPDATES).folder
    assert (folder / "policy.safetensors").read_bytes() != plain[method]
    belief = ToyAgent.load(folder).encoder
    assert torch.isfinite(belief.infer(belief.start(2)).sample()).all()


def test_parameters_are_what_follows_the_mean(tmp_path: Path):
    plain, told = (ToyAgent("line", 4, 8, 8, "gaussian", "gru", parameters=which).encoder for which in (False, True))
    told.load_state_dict({name.replace("posterior.", "posterior.inner."): v for name, v in plain.state_dict().items()})
    transitions = torch.randn(2, 3, 5)
    latent, both = plain.along(transitions), told.along(transitions)
    assert told.latent == 2 * plain.latent
    torch.testing.assert_close(both.mean[..., :4], latent.mean)
    torch.testing.assert_close(both.mean[..., 4:] / both.mean[0, 0, 4], latent.spread / latent.spread[0, 0, 0])


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"method": "tigr", "neural_process": True}, "take method gaussian"),
        ({"space": "posture", "latent": 5}, "take more"),
        ({"neural_process": True, "policy_sees": "parameters"}, "no parameters"),
        ({"method": "melts", "policy_sees": "parameters"}, "melts shows its policy no parameters"),
        ({"method": "pearl", "policy_sees": "parameters"}, "pearl shows its policy no parameters"),
        ({"method": "pearl", "pcgrad": True}, "which is nothing in pearl"),
    ],
)
def test_options_that_make_no_sense_together_are_refused_in_a_line(asked: dict[str, Any], said: str):
    with pytest.raises(UserError, match=said):
        validated(ToyInferenceConfig, asked)


def test_latents_across_a_change_of_task_are_written(tmp_path: Path):
    for method, clustered in (("gaussian", False), ("melts", True)):
        artifact = _train(tmp_path / method, method)
        switch = artifact.table("switch.parquet")
        assert (
            len(switch) == 4 * 60 and set(switch.before) == set(switch.after) and (switch.before != switch.after).all()
        )
        assert ("cluster" in artifact.table("latents.parquet")) == clustered


def test_all_methods_in_one_table(tmp_path: Path):
    inputs = {f"toy_{method}": _train(tmp_path / method, method) for method in METHODS}
    config = ToyComparisonConfig(toys={f"toy_{method}": method for method in METHODS}, resamples=20, decisions=20)
    metrics = compare(config, inputs, tmp_path, lambda *_, **__: None)
    table = pd.read_parquet(tmp_path / "toys.parquet").set_index("method")
    assert [*table.index] == [*METHODS]
    assert table.loc["gaussian", "improvement"] == 0.5
    assert metrics["line/tigr/return"] == table.loc["tigr", "return"]
    assert table.purity.notna().to_dict() == {method: method == "melts" for method in METHODS}
    page = (tmp_path / "toys.md").read_text()
    assert all(f"| {method} |" in page for method in METHODS)


def test_the_probability_of_improvement_counts_pairs():
    assert improvement(torch.tensor([1.0, 3.0]).numpy(), torch.tensor([2.0, 2.0]).numpy()) == 0.5
    assert improvement(torch.tensor([3.0]).numpy(), torch.tensor([2.0, 3.0]).numpy()) == 0.75


def test_the_method_reaches_the_toy_and_nothing_else():
    settings = Settings(method="melts")
    told = {node.stage: configure(node, settings).model_dump() for node in nodes(settings)}
    assert told["toy_inference"]["method"] == "melts"
    assert all("method" not in config for stage, config in told.items() if stage != "toy_inference")


def test_methods_are_an_axis_of_a_sweep():
    points = MethodsSettings(bodies=("cheetah",), seeds=2).points
    assert len(points) == 2 * len(METHODS) and points["_methodtigr_seed1"].method == "tigr"
    assert [*SweepSettings(bodies=("cheetah",), seeds=2).points] == ["_seed0", "_seed1"]
