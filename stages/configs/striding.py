"""Config of the stride predictor's training."""

from pydantic import Field

from stages.contract import BodyStageConfig


class StridingConfig(BodyStageConfig):
    """Q-learning over strides, from every sub-stride of every decision."""

    rounds: int = Field(
        default=225, ge=1, le=100_000, description="decisions of each body, for each base task that its toy knows"
    )
    bodies: int = Field(default=64, ge=1, le=4096, description="bodies deciding side by side")
    episode: int = Field(default=100, ge=1, le=10_000, description="decisions per episode")
    discount: float = Field(default=0.9, gt=0, lt=1, description="per decision")
    step_price: float = Field(default=0.001, ge=0, le=1, description="of each control step, in units of the reward")
    updates: int = Field(default=4, ge=1, le=1000, description="gradient steps per round")
    minibatch: int = Field(default=256, ge=1, le=100_000, description="decisions per gradient step")
    replay: int = Field(default=40_000, ge=1, le=10**7, description="decisions remembered")
    learning_rate: float = Field(default=1e-3, gt=0, le=0.1, description="of Adam at the start; falls linearly")
    target_rate: float = Field(
        default=0.01, gt=0, le=1, description="share of the target network replaced per gradient step"
    )
    exploration: float = Field(
        default=0.3, ge=0, le=1, description="share of random strides at the start; falls linearly"
    )
    width: int = Field(default=128, ge=1, le=1024, description="units in each of the two hidden layers")
