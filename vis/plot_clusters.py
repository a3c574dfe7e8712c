"""Clusters of latents in the plane of their two largest principal components, each with its covariance.

A cluster is what the inference method found without labels, and the title says how well they agree with the base tasks;
of a method that looks for none, a base task. Run ``python vis/plot_clusters.py --help`` for the command.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from stages.agreement import agreement
from vis.plot_latent import latents_of, plane
from vis.style import INK
from vis.tables import groups

#: An ellipse holds all within two standard deviations.
_DEVIATIONS, _POINTS = 2.0, 64


def figure(table: pd.DataFrame, title: str = "Clusters of latents, with two standard deviations") -> go.Figure:
    """A ``latents.parquet``: points by base task, an ellipse for each cluster."""
    places, share = _principal(latents_of(table))
    table = table.assign(**{"pca 2-1": places[:, 0], "pca 2-2": places[:, 1]})
    found = "cluster" in table
    drawn = plane(table, "pca", f"{title}: {_told(table)}" if found else title, 560)
    drawn.add_traces([_ellipse(part) for part in groups(table, "cluster" if found else "base_task")])
    names = [f"principal component {i + 1} ({share[i]:.0%} of the variance, arbitrary units)" for i in range(2)]
    return drawn.update_xaxes(title_text=names[0]).update_yaxes(title_text=names[1])


def _told(table: pd.DataFrame) -> str:
    """How many clusters were found, and how well they agree with the base tasks."""
    scores = agreement(table["base_task"].to_numpy(), table["cluster"].to_numpy())
    count = f"{scores['clusters']:.0f} for {table['base_task'].nunique()} base tasks"
    return f"{count}, purity {scores['purity']:.3f}, NMI {scores['nmi']:.3f}"


def _principal(latents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places (n, 2), and which share of the variance each direction holds."""
    centred = latents - latents.mean(axis=0)
    _, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    return centred @ directions[:2].T, sizes**2 / max(float((sizes**2).sum()), 1e-12)


def _ellipse(part: pd.DataFrame) -> go.Scatter:
    places = part[["pca 2-1", "pca 2-2"]].to_numpy(np.float64)
    covariance = np.cov(places.T) if len(places) > 1 else np.zeros((2, 2))
    values, vectors = np.linalg.eigh(covariance)
    angle = np.linspace(0.0, 2.0 * np.pi, _POINTS)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1) * np.sqrt(values.clip(min=0.0))
    edge = (places.mean(axis=0) + _DEVIATIONS * circle @ vectors.T).round(3)
    return go.Scatter(
        x=edge[:, 0].tolist(),
        y=edge[:, 1].tolist(),
        mode="lines",
        line={"color": INK, "width": 1, "dash": "dot"},
        showlegend=False,
        hoverinfo="skip",
    )


if __name__ == "__main__":
    from vis.command import main

    main("toy_inference", "clusters", lambda artifact, _: figure(artifact.table("latents.parquet")))
