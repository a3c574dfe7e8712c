"""What a report shows, as tables and numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from stages.contract import Artifact
from vis.plot_results import Controls


@dataclass(frozen=True)
class RouteResult:
    """One route's evaluation: ``controls.json``, ``switches.json``, its tables, embedded latents, and the video.

    ``video`` is the mp4's bytes, or the sentence that says why there is none.
    """

    controls: Controls
    switches: Controls
    trajectories: pd.DataFrame
    episodes: pd.DataFrame
    latents: pd.DataFrame
    video: bytes | str


@dataclass(frozen=True)
class Source:
    """An artifact that a page was drawn from.

    Attributes:
        parts: what decided it, ``components.json``.
        files: sha256 and size by file name, ``manifest.json``.
    """

    name: str
    stage: str
    key: str
    digest: str
    parts: Mapping[str, Any]
    files: Mapping[str, Mapping[str, Any]]

    @staticmethod
    def of(name: str, artifact: Artifact) -> Source:
        """From an artifact, with the records that lie beside its files."""
        parts, files = artifact.json("components.json"), artifact.json("manifest.json")["files"]
        return Source(name, artifact.stage, artifact.key, artifact.digest, parts, files)


@dataclass(frozen=True)
class Content:
    """Everything that the report shows.

    Attributes:
        toy_latents: ``plot_latent.embed`` of the toy's held-out latents.
        tracking: the low level's ``tracking.parquet``.
        curves: ``learning_curve.parquet`` by stage.
        lineage: the artifacts behind the page.
    """

    body: str
    seed: int
    routes: Mapping[str, RouteResult]
    toy_latents: pd.DataFrame
    tracking: pd.DataFrame
    curves: Mapping[str, pd.DataFrame]
    lineage: Sequence[Source]
