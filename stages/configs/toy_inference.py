"""Config of the toy's task inference and policy."""

from typing import Literal

from pydantic import Field

from stages.contract import StageConfig


class ToyInferenceConfig(StageConfig):
    """Encoder, decoder, task head and policy, trained together on randomised toys."""

    space: Literal["line", "plane", "posture"] = Field(
        default="line", description="coordinates and kinds of tasks: x; x and y; or x, height and pitch"
    )
    updates: int = Field(default=6500, ge=1, le=10**7, description="gradient steps")
    batch: int = Field(default=128, ge=2, le=100_000, description="contexts per gradient step")
    fresh: int = Field(default=16, ge=1, le=1000, description="gradient steps between two rounds of practice")
    learning_rate: float = Field(
        default=3e-3, gt=0, le=0.1, description="of Adam at its highest; one warm-up, one decay"
    )
    latent: int = Field(default=8, ge=1, le=256, description="size of the latent")
    width: int = Field(default=64, ge=1, le=1024, description="units of the encoder's GRU and the decoder's layers")
    policy_width: int = Field(default=64, ge=1, le=1024, description="units of the policy's gate")
    train: int = Field(default=20, ge=1, le=10_000, description="training specifications per base task")
    held_out: int = Field(default=10, ge=2, le=10_000, description="held-out specifications per base task")
    kl_weight: float = Field(default=1e-4, ge=0, le=10, description="of the divergence of the latent from N(0, I)")
    switch: float = Field(
        default=0.25, ge=0, le=1, description="share of contexts in which the task changes, unannounced"
    )
    clean: float = Field(default=0.4, ge=0, le=1, description="share of toys that follow the clean law")
    noise: float = Field(default=0.1, ge=0, le=10, description="largest noise on the others' state, m and m/s")
    stride: int = Field(default=20, ge=1, le=1000, description="largest number of law steps per decision of the others")
    lag: float = Field(default=0.95, ge=0, lt=1, description="largest share of the velocity that survives a law step")
