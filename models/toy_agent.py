"""The toy's agent: encoder, decoder, task head and policy, kept together in one folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Self

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from envs.tasks import SPACES, Space
from models.inference import Decoder, Encoder, TaskHead, ToyPolicy


def save_module(module: nn.Module, path: Path) -> None:
    """Weights as safetensors, in the order of their names."""
    state = module.state_dict()
    save_file({name: state[name].detach().contiguous() for name in sorted(state)}, path)


class ToyAgent(nn.Module):
    """What ``toy_inference`` trains.

    Args:
        space: toy coordinates and kinds, by name.
        latent: size of the latent.
        width: units of the encoder's GRU and of the decoder's layers.
        policy_width: units of the policy's layers.
    """

    def __init__(self, space: str, latent: int, width: int, policy_width: int) -> None:
        super().__init__()
        self.sizes = {"space": space, "latent": latent, "width": width, "policy_width": policy_width}
        self.space = SPACES[space]
        self.encoder = Encoder(self.space, latent, width)
        self.decoder = Decoder(self.space, latent, width)
        self.head = TaskHead(self.space, latent)
        self.policy = ToyPolicy(self.space, latent, policy_width)

    def save(self, folder: Path) -> None:
        """One safetensors file per part and ``agent.json``."""
        for name, part in self.named_children():
            save_module(part, folder / f"{name}.safetensors")
        (folder / "agent.json").write_text(json.dumps(self.sizes, sort_keys=True) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """A frozen agent from its folder."""
        agent = cls(**_sizes(folder))
        for name, part in agent.named_children():
            part.load_state_dict(load_file(folder / f"{name}.safetensors"))
        return agent.requires_grad_(False).eval()

    def command(self, coordinates: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        """What the toy would do next: kinds (n,) by the task head, amounts (n,) by a one-step look-ahead of the law."""
        place = torch.as_tensor(self.space.kind_of_base_task)[self.head(z)[0].argmax(dim=-1)]
        amounts = look_ahead(self.space, self.policy(coordinates, z))
        return torch.as_tensor(self.space.kind_ids)[place], amounts.gather(-1, place[..., None])[..., 0]


def load_encoder(folder: Path) -> Encoder:
    """The frozen encoder alone."""
    sizes = _sizes(folder)
    encoder = Encoder(SPACES[sizes["space"]], sizes["latent"], sizes["width"])
    encoder.load_state_dict(load_file(folder / "encoder.safetensors"))
    return encoder.requires_grad_(False).eval()


def _sizes(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "agent.json").read_text())


def look_ahead(space: Space, actions: Tensor) -> Tensor:
    """(..., kinds): the velocity or displacement that the toy's law gives actions (..., positions), by kind."""
    return actions[..., torch.as_tensor(space.moves)] * actions.new_tensor(space.look_ahead)
