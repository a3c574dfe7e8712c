"""Packed agents at work before a camera, beside their controls: as out of the store, without one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from envs.tasks import Floats, Tasks
from models.agent import TransferAgent
from stages.controls import Stack
from stages.pretrained import named
from stages.rollouts import one_thread
from stages.takes import Take, act_out
from stages.video import tell_apart


def load(name: str) -> TransferAgent:
    """The agent of a file, of a folder, or of the repository by the name of its body.

    Raises:
        UserError: there is none, or it is damaged.
    """
    return TransferAgent.load(named(name))


def latents(agent: TransferAgent) -> Floats:
    """(n, latent): mean latents of what an agent believes of its n episodes now."""
    with torch.no_grad():
        return agent.toy.encoder.infer(agent.belief).mean.numpy().astype(np.float64)


def shot(agent: TransferAgent, controls: Sequence[str], script: Tasks | None, seconds: float) -> list[Take]:
    """What an agent and its controls do with a script, by default ``tell_apart``'s.

    Args:
        seconds: simulated time for each task.
    """
    stack, asked = Stack(agent.toy, agent.decider), tell_apart(agent.body) if script is None else script
    with one_thread():
        return [act_out(agent.body, stack, agent.controller, control, asked, seconds) for control in controls]
