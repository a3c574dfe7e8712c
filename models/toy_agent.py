"""The toy's agent: encoder, decoder, task head and policy, kept together in one folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Self

from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from envs.tasks import GOAL
from models.inference import Decoder, Encoder, TaskHead, ToyPolicy

#: Metres that the toy's law travels per unit of action, and metres per second that it reaches.
LOOK_AHEAD_METRES, LOOK_AHEAD_SPEED = 0.5, 5.0


def save_module(module: nn.Module, path: Path) -> None:
    """Weights as safetensors, in the order of their names."""
    state = module.state_dict()
    save_file({name: state[name].detach().contiguous() for name in sorted(state)}, path)


class ToyAgent(nn.Module):
    """What ``toy_inference`` trains.

    Args:
        latent: size of the latent.
        width: units of the encoder's GRU and of the decoder's layers.
        policy_width: units of the policy's layers.
    """

    def __init__(self, latent: int, width: int, policy_width: int) -> None:
        super().__init__()
        self.sizes = {"latent": latent, "width": width, "policy_width": policy_width}
        self.encoder = Encoder(latent, width)
        self.decoder = Decoder(latent, width)
        self.head = TaskHead(latent)
        self.policy = ToyPolicy(latent, policy_width)

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
        logits, _ = self.head(z)
        kind = logits.argmax(dim=-1) // 2
        return kind, look_ahead(kind, self.policy(coordinates, z))


def load_encoder(folder: Path) -> Encoder:
    """The frozen encoder alone."""
    sizes = _sizes(folder)
    encoder = Encoder(sizes["latent"], sizes["width"])
    encoder.load_state_dict(load_file(folder / "encoder.safetensors"))
    return encoder.requires_grad_(False).eval()


def _sizes(folder: Path) -> dict[str, int]:
    return json.loads((folder / "agent.json").read_text())


def look_ahead(kind: Tensor, action: Tensor) -> Tensor:
    """The displacement (m) or velocity (m/s) that the toy's law gives an action, by kind."""
    return action * (kind == GOAL).to(action.dtype) * LOOK_AHEAD_METRES + action * (kind != GOAL) * LOOK_AHEAD_SPEED
