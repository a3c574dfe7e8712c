"""Config of the literature's velocity task on the cheetah."""

from typing import Literal

from pydantic import Field

from envs.body_files import AskedFor
from stages.contract import StageConfig


class CheetahVelConfig(StageConfig):
    """How the low level practises this task's reward, and how often the task is measured."""

    body: Literal["cheetah"] = Field(default="cheetah", description="the body of this task")
    tasks: AskedFor = Field(
        default="basic", description="kinds of tasks that the low level knows: velocity and goal, or all"
    )
    steps: int = Field(default=2_000_000, ge=1, le=10**9, description="environment steps of practice in all")
    bodies: int = Field(default=64, ge=1, le=4096, description="bodies practising side by side")
    rollout: int = Field(default=100, ge=1, le=10_000, description="steps of each body between two updates")
    minibatch: int = Field(default=400, ge=2, le=1_000_000, description="samples per gradient step")
    epochs: int = Field(default=8, ge=1, le=100, description="passes over the samples of an update")
    learning_rate: float = Field(default=3e-4, gt=0, le=0.1, description="of Adam at the start; falls linearly")
    target_kl: float = Field(default=0.03, gt=0, le=1, description="an update stops early beyond this divergence")
    discount: float = Field(default=0.98, gt=0, lt=1, description="per control step")
    trace: float = Field(default=0.95, ge=0, le=1, description="lambda of the advantage estimate, per control step")
    deviation: float = Field(default=0.2, gt=0, le=2, description="standard deviation of the actions at the start")
    checkpoint_every: int = Field(default=20, ge=1, le=10_000, description="updates between two checkpoints")
    seeds: int = Field(default=5, ge=1, le=1000, description="evaluation seeds of the held-out speeds")
    resamples: int = Field(default=2000, ge=10, le=1_000_000, description="bootstrap resamples of the intervals")
