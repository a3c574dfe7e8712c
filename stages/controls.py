"""The agent of a route and the controls it is measured against: the same stack with one part exchanged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from envs.tasks import missing
from models.deciders import Decider, Decision, places
from models.encoder import Encoder
from models.stored_deciders import load_decider
from models.toy_agent import ToyAgent
from stages.contract import Artifact, Route
from stages.decisions import DecidingBodies, tensor

FIXED_STRIDES = (1, 5, 10, 20)
#: Controls that leave the strides alone; the others hold each command for a fixed number of control steps.
CONTROLS = ("agent", "oracle", "no_inference", "random_encoder")
_RANDOM_ENCODER_SEED = 20_011


@dataclass(frozen=True)
class Stack:
    """What a route's stages made, put together.

    Attributes:
        toy: encoder, head and policy of the toy.
        decider: of the route.
    """

    toy: ToyAgent
    decider: Decider

    @staticmethod
    def load(route: Route, inputs: Mapping[str, Artifact]) -> Stack:
        """From the artifacts of the route's stages."""
        toy = ToyAgent.load(inputs["toy_inference"].folder)
        return Stack(toy, load_decider(toy, inputs["striding" if route == "reuse" else "high_level"].folder))

    def encoder(self, control: str) -> Encoder:
        """The frozen encoder, or one with random weights."""
        if control != "random_encoder":
            return self.toy.encoder
        with torch.random.fork_rng():
            torch.manual_seed(_RANDOM_ENCODER_SEED)
            return self.toy.random_encoder()

    def decide(self, control: str, bodies: DecidingBodies) -> Decision:
        """What the agent, or the control, does now."""
        observation, coordinates = tensor(bodies.observation()), tensor(bodies.coordinates())
        z = bodies.latent()
        if control == "no_inference":
            z = torch.zeros_like(z)
        if control == "oracle":
            return self._told(bodies, observation, coordinates, z)
        decision = self.decider.decide(observation, coordinates, z)
        if control.startswith("fixed_"):
            fixed = torch.full_like(decision.stride, int(control.removeprefix("fixed_")))
            return Decision(decision.kind, decision.amount, fixed)
        return decision

    def _told(self, bodies: DecidingBodies, observation: Tensor, coordinates: Tensor, z: Tensor) -> Decision:
        """The command that the true task asks for, within the route's reach, with the route's stride for it."""
        tasks, kind = bodies.tasks, torch.as_tensor(bodies.tasks.kind)
        place = places(tasks.space, kind)
        reach = torch.where(torch.as_tensor(tasks.space.velocity_like), torch.inf, self.decider.reach)[place]
        amount = torch.minimum(torch.maximum(tensor(missing(tasks, bodies.coordinates())), -reach), reach)
        return Decision(kind, amount, self.decider.stride(observation, kind, amount, z))
