"""Stage ``plots``: the report and the single figures of one body's transfer.

Writes ``report.html`` (self-contained) and, for each figure, a page (they share ``plotly.min.js``) and a PNG.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from stages.configs.plots import PlotsConfig
from stages.contract import Artifact, Metrics, Progress
from vis import (
    plot_belief,
    plot_falls,
    plot_latent,
    plot_learning,
    plot_results,
    plot_strides,
    plot_tracking,
    plot_trajectories,
)
from vis.content import Content, RouteResult, Source
from vis.raster import plain_picture
from vis.report import render

_LEARNT_BY = {"reuse": "striding", "retrain": "high_level"}


def run(config: PlotsConfig, inputs: Mapping[str, Artifact], out: Path, report: Progress) -> Metrics:
    """Draw everything; returns the medians of settled errors, such as ``reuse/goal_settled``."""
    content = _content(config, inputs)
    report(0.5)
    (out / "report.html").write_text(render(content), encoding="utf-8")
    (out / "plotly.min.js").write_text(get_plotlyjs(), encoding="utf-8")
    figures = dict(_figures(content))
    metrics = _headline(content)
    for i, (name, figure) in enumerate(figures.items(), 1):
        figure.write_html(out / f"{name}.html", include_plotlyjs="directory", div_id=name)
        plain_picture(figure, out / f"{name}.png")
        report(0.5 + 0.5 * i / len(figures), **metrics)
    return metrics


def _content(config: PlotsConfig, inputs: Mapping[str, Artifact]) -> Content:
    curves = ["toy_inference", "low_level", *(_LEARNT_BY[route] for route in config.routes)]
    return Content(
        body=Path(config.body).stem,
        seed=config.seed,
        routes={route: _route(inputs[f"evaluation_{route}"], config) for route in config.routes},
        toy_latents=_embedded(inputs["toy_inference"], config),
        tracking=inputs["low_level"].table("tracking.parquet"),
        curves={name: inputs[name].table("learning_curve.parquet") for name in curves},
        lineage=[Source.of(name, artifact) for name, artifact in inputs.items()],
    )


def _embedded(artifact: Artifact, config: PlotsConfig) -> pd.DataFrame:
    return plot_latent.embed(artifact.table("latents.parquet"), seed=config.seed, points=config.points)


def _route(artifact: Artifact, config: PlotsConfig) -> RouteResult:
    film, excuse = artifact.folder / "video.mp4", artifact.folder / "video.txt"
    return RouteResult(
        controls=artifact.json("controls.json"),
        switches=artifact.json("switches.json"),
        trajectories=artifact.table("trajectories.parquet"),
        episodes=artifact.table("episodes.parquet"),
        latents=_embedded(artifact, config),
        video=film.read_bytes() if film.exists() else excuse.read_text(),
    )


def _figures(content: Content) -> Iterator[tuple[str, go.Figure]]:
    yield "latent", plot_latent.figure(content.toy_latents)
    yield "tracking", plot_tracking.figure(content.tracking)
    for stage, curve in content.curves.items():
        yield f"learning_{stage}", plot_learning.figure(curve, stage)
    for route, result in content.routes.items():
        yield f"results_{route}", plot_results.figure(result.controls, content.body, f"Settled error, route {route}")
        title = f"{content.body} against targets, route {route}"
        yield f"trajectories_{route}", plot_trajectories.figure(result.trajectories, title)
        yield f"belief_{route}", plot_belief.figure(result.trajectories, f"Belief over the episode, route {route}")
        yield f"falls_{route}", plot_falls.figure(result.episodes, f"Falls, route {route}")
        yield f"strides_{route}", plot_strides.figure(result.trajectories, f"Stride histogram, route {route}")


def _headline(content: Content) -> Metrics:
    return {
        f"{route}/{kind}_settled": result.controls["agent"][f"{kind}_settled"]["median"]
        for route, result in content.routes.items()
        for kind in plot_results.kinds_of(result.controls)
    }


if __name__ == "__main__":
    from stages.cli import main

    main("plots")
