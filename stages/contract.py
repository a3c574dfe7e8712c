"""What a stage is: a typed config, a pure ``run``, artifacts in and files out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from envs.body_files import AskedFor

if TYPE_CHECKING:
    # Imported where used: a plan, a form or a look-up needs the configs and should not wait for torch.
    import pandas as pd
    import torch

#: Numbers by name; what a stage returns and what its MLflow run shows.
Metrics = dict[str, float]

Route = Literal["reuse", "retrain"]
ROUTES: tuple[Route, ...] = ("reuse", "retrain")


class StageConfig(BaseModel):
    """Base of every stage's config. Each field has a description, a unit where it has one, and bounds."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    seed: int = Field(default=0, ge=0, le=2**31 - 1, description="seed of everything random in the stage")


class BodyStageConfig(StageConfig):
    """Base of the configs of stages that run on a body."""

    body: str = Field(default="cheetah", description="body by name, or path of its TOML")
    tasks: AskedFor = Field(
        default="basic", description="kinds of tasks: velocity and goal, or all: stand, jump and flip besides"
    )


class Progress(Protocol):
    """How a stage says how far it is."""

    def __call__(self, fraction: float, **metrics: float) -> None:
        """``fraction`` of the work done in [0, 1], and the latest metrics."""
        ...


@dataclass(frozen=True)
class Artifact:
    """Files of a finished stage, verified against their digests.

    Attributes:
        stage: name of the stage.
        key: what decided the result.
        digest: sha256 over the manifest, so over every byte of every file.
        folder: where the files lie.
    """

    stage: str
    key: str
    digest: str
    folder: Path

    def json(self, name: str) -> Any:
        """A JSON file of the artifact."""
        return json.loads((self.folder / name).read_text())

    def tensors(self, name: str) -> dict[str, torch.Tensor]:
        """A safetensors file of the artifact."""
        from safetensors.torch import load_file

        return load_file(self.folder / name)

    def table(self, name: str) -> pd.DataFrame:
        """A parquet file of the artifact."""
        import pandas as pd

        return pd.read_parquet(self.folder / name)


def write_json(path: Path, value: Any) -> None:
    """JSON with sorted keys, so that equal values are equal bytes."""
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")


def write_tensors(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Tensors as safetensors, names sorted."""
    from safetensors.torch import save_file

    save_file({name: tensors[name].detach().contiguous() for name in sorted(tensors)}, path)


def write_curve(out: Path, rows: list[dict[str, float]]) -> None:
    """``learning_curve.parquet``: one row per report, first column ``step`` (environment steps or updates)."""
    import pandas as pd

    names = sorted({name for row in rows for name in row} - {"step"})
    pd.DataFrame(rows, columns=["step", *names]).to_parquet(out / "learning_curve.parquet", index=False)
