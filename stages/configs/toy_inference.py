"""Config of the toy's task inference and policy."""

from typing import Literal, Self

from pydantic import Field, model_validator

from envs.tasks import SPACES
from stages.configs.methods import DEFAULT_METHOD, MethodName
from stages.contract import StageConfig

EncoderName = Literal["gru", "mlp", "conv", "transformer", "product"]
#: Numbers in a latent by space: nine base tasks are not told apart by three numbers beside the specifications.
_LATENT = {"line": 8, "plane": 8, "posture": 16}


class ToyInferenceConfig(StageConfig):
    """Encoder, decoder, task head and policy, trained together on randomised toys."""

    space: Literal["line", "plane", "posture"] = Field(
        default="line", description="coordinates and kinds of tasks: x; x and y; or x, height and pitch"
    )
    method: MethodName = Field(default=DEFAULT_METHOD, description="of inference")
    encoder: EncoderName | None = Field(
        default=None,
        description="along the context; product: without an order; by default gru, of pearl product",
    )
    updates: int = Field(default=3000, ge=1, le=10**7, description="gradient steps")
    batch: int = Field(default=128, ge=2, le=100_000, description="contexts per gradient step")
    fresh: int = Field(default=16, ge=1, le=1000, description="gradient steps between two rounds of practice")
    measured: int = Field(default=12, ge=1, le=1000, description="points of the learning curve")
    learning_rate: float = Field(
        default=3e-3, gt=0, le=0.1, description="of Adam at its highest; one warm-up, one decay"
    )
    latent: int | None = Field(
        default=None,
        ge=1,
        le=256,
        description="numbers in a latent, a specification per kind first; by default 8, 16 on posture; gaussian, tigr",
    )
    width: int = Field(default=64, ge=1, le=1024, description="units of encoder and decoder")
    policy_width: int = Field(default=64, ge=1, le=1024, description="units of the policy's gate")
    train: int = Field(default=20, ge=1, le=10_000, description="training specifications per base task")
    held_out: int = Field(default=10, ge=2, le=10_000, description="held-out specifications per base task")
    kl_weight: float | None = Field(
        default=None, ge=0, le=10, description="of the latent's divergence from its prior; by default the method's own"
    )
    sparsity_weight: float | None = Field(
        default=None, ge=0, le=10, description="of the size of what a latent may leave open; tigr"
    )
    crowding_weight: float | None = Field(
        default=None, ge=0, le=10, description="of how close the classes' latents lie; tigr"
    )
    class_weight: float | None = Field(default=None, ge=0, le=10, description="of the true base task's logit; tigr")
    neural_process: bool = Field(
        default=False,
        description="ask for rewards yet to come, and hold all of a context to what less of it says; gaussian",
    )
    policy_sees: Literal["mean", "sample", "parameters"] = Field(
        default="mean",
        description="of a latent, while the policy is taught: a draw; or for good, with all that reads it: parameters",
    )
    permuted: float = Field(default=0.0, ge=0, le=1, description="share of contexts whose transitions are shuffled")
    imagined: float = Field(
        default=0.0, ge=0, le=1, description="share of contexts that the decoder tells, once it has learnt to"
    )
    worst: float = Field(
        default=0.0, ge=0, le=1, description="share of tasks that are drawn by how badly the policy does on them"
    )
    pcgrad: bool = Field(
        default=False, description="decoded rewards: give up what of a base task's gradient contradicts another's"
    )
    refit: int = Field(default=100, ge=1, le=10**7, description="gradient steps between two fits of the mixture; melts")
    concentration: float = Field(default=1.0, gt=0, le=1000, description="of the Dirichlet process; melts")
    smallest: float = Field(default=0.02, ge=0, lt=1, description="share of the latents that a cluster holds; melts")
    assignment: Literal["soft", "hard"] = Field(
        default="soft", description="hold a latent to all clusters by their likelihood, or to the likeliest; melts"
    )
    switch: float = Field(
        default=0.25, ge=0, le=1, description="share of contexts in which the task changes, unannounced"
    )
    clean: float = Field(default=0.4, ge=0, le=1, description="share of toys that follow the clean law")
    noise: float = Field(default=0.1, ge=0, le=10, description="largest noise on the others' state, m and m/s")
    stride: int = Field(default=20, ge=1, le=1000, description="largest number of law steps per decision of the others")
    lag: float = Field(default=0.95, ge=0, lt=1, description="largest share of the velocity that survives a law step")

    @property
    def weights(self) -> dict[str, float]:
        """Of the method's penalties by name, as far as they are asked for."""
        asked = {
            "divergence": self.kl_weight,
            "sparsity": self.sparsity_weight,
            "crowding": self.crowding_weight,
            "classes": self.class_weight,
        }
        return {name: weight for name, weight in asked.items() if weight is not None}

    @property
    def latent_size(self) -> int:
        """Numbers that were asked for, or enough for the space's base tasks beside its specifications."""
        return self.latent or _LATENT[self.space]

    @property
    def network(self) -> EncoderName:
        """The encoder that was asked for, or the method's own."""
        return self.encoder or ("product" if self.method == "pearl" else "gru")

    @model_validator(mode="after")
    def _latent_has_room(self) -> Self:
        kinds = len(SPACES[self.space].kinds)
        if self.latent_size <= kinds:
            raise ValueError(f"latent {self.latent} has no room beside the {kinds} kinds of {self.space}; take more")
        return self

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if self.method == "pearl" and self.network != "product":
            raise ValueError("pearl infers from a set; take encoder product, for which transitions have no order")
        if self.neural_process and (self.method, self.policy_sees == "parameters") != ("gaussian", False):
            raise ValueError("neural_process holds one Gaussian to another; take method gaussian and no parameters")
        if self.policy_sees == "parameters" and self.method in ("melts", "pearl"):
            raise ValueError(f"{self.method} shows its policy no parameters; let it see the mean or a sample")
        if self.pcgrad and self.method == "pearl":
            raise ValueError("pcgrad weighs what decoded rewards teach, which is nothing in pearl; take another method")
        return self
