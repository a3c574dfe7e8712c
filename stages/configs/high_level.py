"""Config of the retrained high-level policy."""

from pydantic import Field

from stages.configs.striding import StridingConfig
from stages.contract import BodyStageConfig


class HighLevelConfig(BodyStageConfig):
    """PPO over decisions of commands, kind and amount together; then Q-learning of how long they are held."""

    updates: int = Field(default=100, ge=1, le=1_000_000, description="rollouts with an update each")
    bodies: int = Field(default=128, ge=1, le=4096, description="bodies deciding side by side")
    rollout: int = Field(default=16, ge=1, le=1000, description="decisions of each body per rollout")
    episode: int = Field(default=60, ge=1, le=10_000, description="decisions per episode")
    discount: float = Field(default=0.9, gt=0, lt=1, description="per decision")
    trace: float = Field(default=0.9, ge=0, le=1, description="lambda of the advantage estimate, per decision")
    epochs: int = Field(default=6, ge=1, le=100, description="passes over the decisions of an update")
    minibatch: int = Field(default=512, ge=2, le=1_000_000, description="decisions per gradient step")
    learning_rate: float = Field(default=1e-3, gt=0, le=0.1, description="of Adam at the start; falls linearly")
    clip: float = Field(default=0.2, gt=0, le=1, description="of the probability ratio")
    entropy: float = Field(default=0.003, ge=0, le=1, description="weight of the entropy at the start; falls linearly")
    guidance: float = Field(
        default=5.0, ge=0, le=100, description="weight of imitating the command the true task asks for"
    )
    width: int = Field(default=128, ge=1, le=1024, description="units in each of the two hidden layers")
    rounds: int = Field(
        default=150,
        ge=1,
        le=100_000,
        description="decisions of each body, for each base task, that strides are then learnt from",
    )
    stride_discount: float = Field(default=0.9, gt=0, lt=1, description="per decision, where strides are learnt")
    step_price: float = Field(
        default=0.001, ge=0, le=1, description="of each control step where strides are learnt, in units of the reward"
    )

    @property
    def striding(self) -> StridingConfig:
        """How strides are learnt: as by route ``reuse``, but for what is said here."""
        return StridingConfig(
            seed=self.seed,
            body=self.body,
            tasks=self.tasks,
            rounds=self.rounds,
            discount=self.stride_discount,
            step_price=self.step_price,
        )
