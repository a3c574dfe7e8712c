"""Config of the evaluation."""

from pydantic import Field

from stages.contract import BodyStageConfig, Route


class EvaluationConfig(BodyStageConfig):
    """The evaluation protocol: reference and random tasks, evaluation seeds, controls."""

    route: Route = Field(default="reuse", description="which high level is evaluated")
    seeds: int = Field(default=5, ge=1, le=1000, description="evaluation seeds of the reference tasks")
    random_tasks: int = Field(default=100, ge=0, le=10_000, description="random tasks, drawn with a fixed seed")
    decisions: int = Field(default=100, ge=4, le=10_000, description="decisions per episode")
    before_switch: int = Field(default=30, ge=1, le=10_000, description="decisions before the task changes unannounced")
    resamples: int = Field(default=2000, ge=10, le=1_000_000, description="bootstrap resamples of the intervals")
    video_seconds: float = Field(default=5.0, ge=0, le=600, description="simulated time for each task of the video, s")
