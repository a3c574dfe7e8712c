"""The report: one self-contained page with the result, what led to it, and where it came from.

Run ``python vis/report.py --help`` for the command.
"""

from __future__ import annotations

import argparse
import base64
from html import escape

import pandas as pd
import plotly.graph_objects as go

from vis import page, plot_belief, plot_falls, plot_latent, plot_learning, plot_strides, plot_tracking, report_origin
from vis import plot_trajectories as trajectories
from vis.content import Content, RouteResult
from vis.plot_latent import Method
from vis.report_results import headline, results, switch_table
from vis.style import MUTED, ROUTE_TITLES, by_base_task, control_colour

#: Maps of latents by the name of their button.
_MAPS: dict[str, tuple[Method, int]] = {
    "t-SNE": ("tsne", 2),
    "t-SNE 3-D": ("tsne", 3),
    "PCA": ("pca", 2),
    "PCA 3-D": ("pca", 3),
}


def render(content: Content) -> str:
    """The page."""
    sections = [results(content), *(_route(name, result) for name, result in content.routes.items())]
    sections += [_latents(content), _strides(content), _low_level(content), _learning(content)]
    sections.append(report_origin.lineage(content.lineage))
    return page.document(f"Carryover: {content.body}", [_head(content), *sections])


def _head(content: Content) -> str:
    links = [("results", "Results"), *((f"route-{r}", f"Route {r}") for r in content.routes)]
    links += [("latents", "Latents"), ("strides", "Strides and falls"), ("low-level", "Low level")]
    links += [("learning", "Learning"), ("lineage", "Lineage")]
    nav = "".join(f'<a href="#{name}">{title}</a>' for name, title in links)
    return (
        f'<header><h1>Carryover: {escape(content.body)}</h1><p class="soft">A task-inference encoder, trained once on '
        f"a toy and carried over frozen. The {escape(content.body)} is told no task: "
        f"the encoder infers it from rewards. Seed {content.seed}.</p>"
        f"{headline(content)}<nav>{nav}{report_origin.MADE_LINK}</nav></header>"
    )


def _route(route: str, result: RouteResult) -> str:
    lines = [("target", MUTED, "dashed"), *((c, control_colour(c), "solid") for c in ("agent", "oracle"))]
    intro = "The body at work, and the reference tasks, one episode each; every mark is the end of a stride."
    about_belief = (
        "Left, the posterior over base tasks, averaged over the tasks asked for; right, the specification believed, "
        "with its 90 % interval, beside the true one (dashed). Time is logarithmic: the first decisions matter most."
    )
    about_switch = (
        "At last every reference task changes into another in mid-episode, unannounced; the oracle is told of it."
    )
    return page.section(
        f"route-{route}",
        f"Route {route}: {ROUTE_TITLES[route]}",
        intro,
        _video(result.video),
        "<h3>Trajectories against targets</h3>",
        page.legend(lines),
        page.grid(trajectories.panels(result.trajectories), 330),
        f'<h3>Belief</h3><p class="soft">{about_belief}</p>',
        page.task_legend(by_base_task(result.trajectories)),
        page.grid(plot_belief.panels(result.trajectories, 220), 420),
        f'<h3>When the task changes</h3><p class="soft">{about_switch}</p>',
        switch_table(result.switches),
    )


def _video(video: bytes | str) -> str:
    if isinstance(video, str):
        return f'<p class="soft">No video: {escape(video.strip())}</p>'
    data = base64.b64encode(video).decode()
    return f'<video controls muted loop playsinline preload="metadata" src="data:video/mp4;base64,{data}"></video>'


def _latents(content: Content) -> str:
    parts = [page.task_legend(by_base_task(content.toy_latents))]
    for route, result in content.routes.items():
        parts.append(f"<h3>{escape(content.body)}, route {route}</h3>")
        parts.append(page.explorer(_maps(result.latents), trajectories.together(result.trajectories)))
    parts += ["<h3>Toy, held-out tasks</h3>", page.explorer(_maps(content.toy_latents), None)]
    intro = (
        "The encoder's latents. Colour is the base task, brightness the size of the specification. Beside those of the "
        "body are its trajectories as a share of what is asked for: choose points to see which way they belong to."
    )
    return page.section("latents", "Latent map", intro, *parts)


def _maps(points: pd.DataFrame) -> dict[str, go.Figure]:
    draw = {2: plot_latent.plane, 3: plot_latent.space}
    return {
        name: draw[size](points, method, f"Latents, {name}").update_layout(showlegend=False)
        for name, (method, size) in _MAPS.items()
    }


def _strides(content: Content) -> str:
    figures = [
        figure.update_layout(showlegend=False)
        for route, result in content.routes.items()
        for figure in (
            plot_strides.figure(result.trajectories, f"Strides, route {route}"),
            plot_falls.figure(result.episodes, f"Falls, route {route}"),
        )
    ]
    intro = "How many low-level steps the agent lets a decision last, and who fell, by the base task asked for."
    legend = page.task_legend(by_base_task(content.toy_latents))
    return page.section("strides", "Strides and falls", intro, legend, page.grid(figures, 420))


def _low_level(content: Content) -> str:
    figures = plot_tracking.panels(content.tracking)
    intro = "Error of the low-level controller when told the true command, second half of the episode."
    return page.section("low-level", "Low level", intro, page.grid(figures, 420))


def _learning(content: Content) -> str:
    parts = []
    for stage, curve in content.curves.items():
        parts += [f"<h3>{escape(stage)}</h3>", page.grid(plot_learning.panels(curve, stage), 330)]
    return page.section("learning", "Learning curves", "What each stage logged while it learned.", *parts)


def with_origins(report: str, made: str) -> str:
    """A report of the plots stage, to which timing, verdicts and throughput are added."""
    link = '<a href="#made">How it was made</a>'
    return report.replace(report_origin.MADE, made, 1).replace(report_origin.MADE_LINK, link, 1)


if __name__ == "__main__":
    from stages.store import Store
    from vis.command import answer, command_line, find, save_aside, targets
    from vis.provenance import origins

    def write(options: argparse.Namespace) -> None:
        """With what the store alone knows."""
        [path] = targets(options.out, "report", (".html",))
        plain = find(("plots", "comparison"), options).folder / "report.html"
        text = with_origins(plain.read_text(encoding="utf-8"), report_origin.made(origins(Store(), options.run_id)))
        save_aside(path, lambda part: part.write_text(text, encoding="utf-8"))

    answer(command_line("plots", "report.html", {"stage": ("plots", "comparison")}), write)
