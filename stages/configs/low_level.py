"""Config of the low-level controller's training."""

from pydantic import Field

from stages.contract import BodyStageConfig


class LowLevelConfig(BodyStageConfig):
    """PPO on many commanded bodies at once."""

    steps: int = Field(default=6_000_000, ge=1, le=10**9, description="environment steps, of velocities and goals")
    skill_steps: int = Field(
        default=2_000_000, ge=1, le=10**9, description="environment steps of each further skill: stand, jump, flip"
    )
    bodies: int = Field(default=128, ge=1, le=4096, description="bodies practising side by side")
    rollout: int = Field(default=32, ge=1, le=10_000, description="steps of each body between two updates")
    minibatch: int = Field(default=256, ge=2, le=1_000_000, description="samples per gradient step")
    epochs: int = Field(default=10, ge=1, le=100, description="passes over the samples of an update")
    learning_rate: float = Field(default=7e-4, gt=0, le=0.1, description="of Adam at the start; falls linearly")
    target_kl: float = Field(default=0.03, gt=0, le=1, description="an update stops early beyond this divergence")
    discount: float = Field(default=0.96, gt=0, lt=1, description="per control step")
    trace: float = Field(default=0.95, ge=0, le=1, description="lambda of the advantage estimate, per control step")
    deviation: float = Field(default=0.61, gt=0, le=2, description="standard deviation of the actions at the start")
    smooth: int = Field(
        default=0, ge=0, le=1000, description="control steps that what is tried depends on the state alone; 0: never"
    )
    width: int = Field(default=128, ge=1, le=1024, description="units in each of the two hidden layers")
    episode: float = Field(default=10.0, gt=0, le=1000, description="length of a practice episode, s")
    change: float = Field(default=5.0, gt=0, le=1000, description="mean time until a command is replaced, s")
    restless: float = Field(
        default=0.0, ge=0, le=20, description="commands replaced besides in an episode's first half second, 1/s"
    )
    tumbled: float = Field(
        default=0.0, ge=0, le=1, description="share of practice episodes begun turned any way and turning on"
    )
    turning: float = Field(default=6.0, ge=0, le=100, description="largest pitch rate that these begin with, rad/s")
    calm: int = Field(
        default=0, ge=0, le=10, description="how much nearer to rest most of them begin; 0: all rates alike"
    )
    speeds: float = Field(
        default=0.5, gt=0, le=1, description="1: all speeds are practised alike; the less, the more often high ones"
    )
    fall_cost: float = Field(
        default=100.0, ge=0, le=10_000, description="of a fall, in units of the reward; if too low, to fall pays"
    )
    edge_cost: float = Field(
        default=0.0, ge=0, le=100, description="of a step at the edge of the healthy ranges; none around their middle"
    )
    overturned_cost: float = Field(
        default=0.0, ge=0, le=100, description="of a step upside down, in units of the reward; on the ground alone"
    )
    beginnings: int = Field(
        default=1, ge=1, le=100, description="trainings begun, of which the one goes on that obeys best"
    )
    beginning: float = Field(default=0.1, gt=0, le=0.5, description="share of the steps after which they are compared")
    only: float | None = Field(
        default=None, ge=-20, le=20, description="practise and measure this one velocity, m/s; by default all commands"
    )
    repeats: int = Field(
        default=8, ge=1, le=1000, description="episodes by which every command is measured at the end, a quarter before"
    )
    checkpoint_every: int = Field(default=50, ge=1, le=10_000, description="updates between two checkpoints")
