"""The toy's agent: encoder, decoder, task head and policy, kept together in one folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from envs.tasks import SPACES, Space
from models.encoder import Encoder
from models.heads import TaskHead, ToyPolicy
from models.methods import METHODS, make_encoder


def save_module(module: nn.Module, path: Path) -> None:
    """Weights as safetensors, in the order of their names."""
    state = module.state_dict()
    save_file({name: state[name].detach().contiguous() for name in sorted(state)}, path)


class ToyAgent(nn.Module):
    """What ``toy_inference`` trains.

    Args:
        space: toy coordinates and kinds, by name.
        latent: size of the latent, as far as the method leaves it open.
        width: features of the encoder's states, and units of the decoder's layers.
        policy_width: units of the policy's layers.
        method: of inference, by name.
        encoder: the network along the context, by name.
        parameters: whether latents say all parameters of their distribution, instead of the mean alone.
    """

    def __init__(
        self,
        space: str,
        latent: int,
        width: int,
        policy_width: int,
        method: str,
        encoder: str,
        parameters: bool = False,
    ) -> None:
        super().__init__()
        self.sizes = {
            "space": space,
            "latent": latent,
            "width": width,
            "policy_width": policy_width,
            "method": method,
            "encoder": encoder,
            "parameters": parameters,
        }
        self.space, self.method = SPACES[space], METHODS[method]
        self.encoder = make_encoder(self.space, method, encoder, latent, width, parameters)
        size = self.encoder.latent
        self.decoder = self.method.decoder(self.space, size, width)
        self.head = TaskHead(self.space, size, self.encoder.posterior.told_from)
        self.policy = ToyPolicy(self.space, size, policy_width, shapes="policy" in self.method.teachers)

    def save(self, folder: Path) -> None:
        """One safetensors file per part and ``agent.json``."""
        for name, part in self.named_children():
            save_module(part, folder / f"{name}.safetensors")
        (folder / "agent.json").write_text(json.dumps(self.sizes, sort_keys=True) + "\n")

    @classmethod
    def load(cls, folder: Path, decodes: bool = True) -> Self:
        """A frozen agent from its folder; who only acts needs no decoder."""
        agent = cls(**_sizes(folder))
        if not decodes:
            del agent.decoder
        for name, part in agent.named_children():
            part.load_state_dict(load_file(folder / f"{name}.safetensors"))
        return agent.requires_grad_(False).eval()

    def random_encoder(self) -> Encoder:
        """A frozen encoder of this one's shape with new weights."""
        return _new_encoder(self.sizes).requires_grad_(False)

    def command(self, coordinates: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """What the toy would do next: kinds (n,) by the task head, amounts (n,) by a one-step look-ahead of the law."""
        place = torch.as_tensor(self.space.kind_of_base_task)[self.head(z)[0].argmax(dim=-1)]
        amounts = look_ahead(self.space, self.policy(coordinates, z))
        return torch.as_tensor(self.space.kind_ids)[place], amounts.gather(-1, place[..., None])[..., 0]


def load_encoder(folder: Path) -> Encoder:
    """The frozen encoder alone."""
    encoder = _new_encoder(_sizes(folder))
    encoder.load_state_dict(load_file(folder / "encoder.safetensors"))
    return encoder.requires_grad_(False).eval()


def _new_encoder(sizes: Mapping[str, Any]) -> Encoder:
    own = {name: value for name, value in sizes.items() if name not in ("space", "policy_width")}
    return make_encoder(SPACES[sizes["space"]], **own)


def _sizes(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "agent.json").read_text())


def look_ahead(space: Space, actions: Tensor) -> Tensor:
    """(..., kinds): the velocity or displacement that the toy's law gives actions (..., positions), by kind."""
    return actions[..., torch.as_tensor(space.moves)] * actions.new_tensor(space.look_ahead)
