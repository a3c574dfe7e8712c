"""What the toy's training aims at, as tensors: the tasks of a batch, and the law to differentiate through."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from envs.tasks import TOY_STEP, Space, Tasks
from envs.toy import wanted_velocity


def law_of(space: Space, at: Tensor, action: Tensor) -> Tensor:
    """The clean toy's law, differentiable in actions (n, positions); heights are not mirrored, none is asked for."""
    one = torch.as_tensor(wanted_velocity(space, at.detach().numpy(), np.ones(action.shape)), dtype=action.dtype)
    hops = torch.tensor([name == "z" for name in space.positions])
    velocity = one * torch.where(hops, action.clamp(min=0.0), action)
    return torch.cat([at[:, : len(space.positions)] + TOY_STEP * velocity, velocity], dim=-1)


@dataclass(frozen=True)
class Target:
    """A batch of tasks as tensors.

    Attributes:
        place: of the kind in the space (n,).
        moved: flags (n, positions) of the position that is moved for the task.
        speed: top speed (n,) of that position.
        velocity_like, unsigned: (n,) bool.
    """

    space: Space
    place: Tensor
    specification: Tensor
    base_task: Tensor
    moved: Tensor
    speed: Tensor
    velocity_like: Tensor
    unsigned: Tensor

    @staticmethod
    def of(tasks: Tasks) -> Target:
        space, place = tasks.space, tasks.space.place(tasks.kind)
        position = space.moves[place]
        return Target(
            space,
            torch.as_tensor(place),
            torch.as_tensor(tasks.specification, dtype=torch.float32),
            torch.as_tensor(tasks.base_task),
            torch.as_tensor(np.arange(len(space.positions)) == position[:, None]),
            torch.as_tensor(space.top_speeds[position], dtype=torch.float32),
            torch.as_tensor(space.velocity_like[place]),
            torch.as_tensor(space.unsigned[place]),
        )

    def of_position(self, values: Tensor) -> Tensor:
        """(n, time): the value that belongs to the moved position, of (n, time, positions)."""
        return (values * self.moved[:, None]).sum(dim=-1)

    def error(self, at: Tensor) -> Tensor:
        """Relative error (n,) at coordinates (n, c)."""
        x, v = ((part * self.moved).sum(dim=-1) for part in at.chunk(2, dim=-1))
        reached = torch.where(self.velocity_like, torch.where(self.unsigned, v.abs(), v), x)
        return (reached - self.specification).abs() / self.specification.abs()

    def action(self, at: Tensor) -> Tensor:
        """Best actions (n, time) of the moved position at coordinates (n, time, c)."""
        x = self.of_position(at.chunk(2, dim=-1)[0])
        to_goal = (self.specification[:, None] - x) / (self.speed * TOY_STEP)[:, None]
        speed = (self.specification / self.speed)[:, None]
        return torch.where(self.velocity_like[:, None], speed, to_goal).clamp(-1.0, 1.0)
