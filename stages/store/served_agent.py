"""What MLflow runs to serve an agent: its own "models from code", which unpickles nothing.

A request is an observation, the reward that came with it and the state that the last answer gave; none begins an
episode. The server keeps nothing between requests, so any number of bodies and of workers share it.
"""

from __future__ import annotations

import base64
import binascii

import numpy as np
import torch
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext
from pydantic import BaseModel
from safetensors import SafetensorError
from safetensors.numpy import load, save

from envs.errors import UserError
from models.agent import TransferAgent


class Request(BaseModel):
    """One body's turn."""

    observation: list[float]
    reward: float = 0.0
    state: str = ""


class Answer(BaseModel):
    """What the body is to do, what is believed about its task by name, and what the next request has to bring."""

    action: list[float]
    belief: dict[str, float]
    specification: dict[str, float]
    state: str


class ServedAgent(PythonModel):
    """An agent behind MLflow's ``/invocations``."""

    def load_context(self, context: PythonModelContext) -> None:
        torch.set_num_threads(1)  # networks as small as these only lose time by more
        self._agent = TransferAgent.load(context.artifacts["agent"])

    # MLflow reads the types of this signature, which its base class does not have yet.
    def predict(self, model_input: list[Request]) -> list[Answer]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """An answer per request."""
        return [self._answer(request) for request in model_input]

    def _answer(self, request: Request) -> Answer:
        agent = self._agent
        agent.reset()
        if request.state:
            agent.resume(_decoded(request.state))
        action, thought = agent.act(np.array(request.observation), request.reward), agent.thought()
        return Answer(
            action=action.tolist(),
            belief=dict(zip(agent.body.space.base_tasks, thought.probabilities[0].tolist(), strict=True)),
            specification=dict(zip(agent.body.space.kinds, thought.specification[0].tolist(), strict=True)),
            state=base64.b64encode(save(agent.state())).decode(),
        )


def _decoded(text: str) -> dict[str, np.ndarray]:
    try:
        return load(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError, SafetensorError) as error:
        raise UserError("state: not one that an answer gave; begin an episode with no state") from error


set_model(ServedAgent())
