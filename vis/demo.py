"""``python -m vis.demo``: packed agents follow tasks they are not told; one video and one page, in a minute.

Nothing is trained and no store is needed.
"""

from __future__ import annotations

import argparse
import base64
import subprocess
import time
from collections.abc import Sequence
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

import imageio_ffmpeg
import numpy as np
import plotly.graph_objects as go

from envs.errors import UserError
from envs.tasks import KINDS, active_coordinate
from stages import packed
from stages.cli import Parser
from stages.pretrained import named
from stages.rollouts import Episodes, Rollout, follow
from stages.video import film
from vis import page
from vis.command import AGENT, answer
from vis.style import AXIS_TITLES, BASE_TASK_COLOURS, INK, MUTED, TIME_TITLE, panel, plain_axis

_BODIES = ("walker", "cheetah")
#: Simulated seconds of every task in the video, at most.
_FILMED = 5.0


def run(options: argparse.Namespace) -> None:
    """Write ``demo.mp4`` and ``demo.html`` into a folder."""
    began = time.monotonic()
    options.out.mkdir(parents=True, exist_ok=True)
    agents = options.agents or _BODIES
    shown = [follow(named(agent), options.seconds) for agent in agents]
    for rollout in shown:
        print(_line(rollout))
    video = options.out / "demo.mp4"
    words = _write_video(agents, min(_FILMED, options.seconds), video)
    report = options.out / "demo.html"
    report.write_text(render(shown, words or video.read_bytes()), encoding="utf-8")
    print(words or video, report, f"took {time.monotonic() - began:.0f} s", sep="\n")


def render(shown: Sequence[Rollout], video: bytes | str) -> str:
    """The page; ``video`` is the mp4's bytes, or the sentence that says why there is none."""
    source = f"data:video/mp4;base64,{base64.b64encode(video).decode()}" if isinstance(video, bytes) else ""
    film_ = (
        f'<video style="max-width:26rem" controls autoplay muted loop playsinline src="{source}"></video>'
        if source
        else f"<p>{video}</p>"
    )
    intro = (
        "Nobody tells these bodies what is wanted of them. A task encoder, trained on a toy and frozen, infers it from"
        " the rewards they see; the dashed line is what was wanted, a tick where a new decision begins."
    )
    sections = (_section(rollout) for rollout in shown)
    return page.document("Carryover: a demonstration", [f"<h1>Carryover</h1><p>{intro}</p>", film_, *sections])


def _section(rollout: Rollout) -> str:
    episodes = rollout.episodes
    figures = [figure(episodes, row) for row in range(len(episodes.tasks)) for figure in (_track, _belief)]
    card = f"<details><summary>card</summary><pre>{escape(rollout.card)}</pre></details>"
    return page.section(rollout.name, rollout.name, _line(rollout), page.grid(figures, 320), card)


def _line(rollout: Rollout) -> str:
    episodes = rollout.episodes
    late, seconds = len(episodes.rewards) // 2, len(episodes.rewards) * episodes.body.dt
    errors = -episodes.rewards[late:].mean(axis=0)
    said = (f"{label} {error:.0%}" for label, error in zip(episodes.tasks.labels(), errors, strict=True))
    return f"{rollout.name}: mean error over the second half of {seconds:.0f} s: {', '.join(said)}"


def _track(episodes: Episodes, row: int) -> go.Figure:
    """The coordinate that a task is about, against what was wanted."""
    seconds, tasks = episodes.seconds, episodes.tasks
    values = active_coordinate(tasks, episodes.coordinates)[:, row]
    wanted, decided = float(tasks.specification[row]), np.flatnonzero(episodes.decided[:, row])
    colour = BASE_TASK_COLOURS[str(tasks.base_task_names[row])]
    flat = {"showlegend": False, "hoverinfo": "skip"}
    target = {"color": INK, "dash": "dash", "width": 1}
    traces = [
        go.Scatter(x=[0.0, float(seconds[-1])], y=[wanted, wanted], mode="lines", line=target, **flat),
        go.Scatter(x=_rounded(seconds), y=_rounded(values), mode="lines", line={"color": colour}, showlegend=False),
        go.Scatter(
            x=_rounded(seconds[decided]),
            y=_rounded(values[decided]),
            mode="markers",
            marker={"symbol": "line-ns-open", "size": 6, "color": MUTED},
            **flat,
        ),
    ]
    y = plain_axis(AXIS_TITLES[KINDS[int(tasks.kind[row])]])
    return panel(traces, tasks.labels()[row], plain_axis(TIME_TITLE), y)


def _belief(episodes: Episodes, row: int) -> go.Figure:
    """Probability of every base task over time."""
    x = _rounded(episodes.seconds)
    traces = [
        go.Scatter(
            x=x,
            y=_rounded(episodes.probabilities[:, row, place]),
            mode="lines",
            stackgroup="belief",
            line={"width": 0, "color": BASE_TASK_COLOURS[name]},
            name=name,
            showlegend=False,
        )
        for place, name in enumerate(episodes.body.space.base_tasks)
    ]
    y = plain_axis("probability", range=[0, 1])
    return panel(traces, f"believed in {episodes.tasks.labels()[row]}", plain_axis(TIME_TITLE), y)


def _rounded(values: np.ndarray) -> list[float]:
    return np.asarray(values, dtype=np.float64).round(3).tolist()


def _write_video(agents: Sequence[str], seconds: float, out: Path) -> str | None:
    """One film of all agents; or the sentence that says why there is none."""
    with TemporaryDirectory(prefix="demo-") as name:
        parts: list[Path] = []
        for number, agent in enumerate(map(packed.load, agents)):
            parts.append(Path(name) / f"{number}.mp4")
            try:
                film(agent.body, packed.shot(agent, ["agent"], None, seconds), parts[-1], lambda fraction: None)
            except UserError as error:
                return str(error)
        listed = Path(name) / "parts.txt"
        listed.write_text("".join(f"file '{part.relative_to(name).as_posix()}'\n" for part in parts))
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", "-f", "concat", "-i", str(listed)]
        subprocess.run([*command, "-c", "copy", "-movflags", "+faststart", str(out)], check=True)
    return None


def seconds(text: str) -> float:
    """A number of seconds that a demonstration can last."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 1.0 <= value <= 600.0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 600")
    return value


def parser() -> Parser:
    """The options of the command."""
    options = Parser(prog="python -m vis.demo", description="Packed agents follow tasks that they are not told.")
    which = f"each {AGENT} (default: {' '.join(_BODIES)})"
    options.add_argument("--agents", nargs="+", metavar="FILE", help=which)
    length = "simulated seconds of every task (default: 20)"
    options.add_argument("--seconds", type=seconds, default=20.0, metavar="S", help=length)
    place = "where to write (default: demo)"
    options.add_argument("--out", type=Path, default=Path("demo"), metavar="FOLDER", help=place)
    return options


if __name__ == "__main__":
    answer(parser(), run)
