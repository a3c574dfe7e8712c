"""Films of a body at work: an agent beside its controls, in the colours of what each believes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import imageio.v2 as imageio
import numpy as np

from envs.body import Body
from envs.errors import UserError
from envs.palette import BASE_TASK_COLOURS, rgb
from envs.tasks import COORDINATE_OF_KIND, KINDS, Tasks, reference_tasks
from models.controller import Controller
from stages.contract import Artifact, Route
from stages.controls import Stack
from stages.offscreen import Canvas, Mark
from stages.overlay import INK, PANE, PICTURE, base_task, frame
from stages.takes import Moment, Take, act_out

#: Who is filmed beside whom.
SIDE_BY_SIDE = ("agent", "oracle", "no_inference")
#: As x264 counts it, smaller is better: reports hold films of up to a minute, and may not grow large.
_QUALITY = 27
#: Of a body that believes in nothing yet.
_UNSURE = (176, 182, 188)
#: Metres of an arrow per m/s; between two arrows; of one that is too short to be drawn.
_ARROW, _APART, _SHORTEST = 0.35, 0.12, 0.02


def tell_apart(body: Body) -> Tasks:
    """A script for a body: of each base task the middle one of its reference tasks, kinds by turns."""
    tasks = reference_tasks(body.task_ranges, body.space)
    middle = [int(np.flatnonzero(tasks.base_task == base)[1]) for base in np.unique(tasks.base_task)]
    return tasks[np.array(middle)]


def shot(
    body: Body,
    route: Route,
    inputs: Mapping[str, Artifact],
    controls: Sequence[str],
    script: Tasks | None,
    seconds: float,
) -> list[Take]:
    """What an agent, out of its stages' artifacts, and its controls do with a script, by default ``tell_apart``'s.

    Args:
        seconds: simulated time for each task.
    """
    stack, controller = Stack.load(route, inputs), Controller.load(inputs["low_level"].folder)
    asked = tell_apart(body) if script is None else script
    return [act_out(body, stack, controller, control, asked, seconds) for control in controls]


def film_or_excuse(body: Body, takes: Sequence[Take], out: Path, report: Callable[[float], object]) -> None:
    """Write ``video.mp4`` into a folder, or ``video.txt`` that says why there is none."""
    if not any(take.moments for take in takes):
        (out / "video.txt").write_text("no frames were asked for\n")
        return
    try:
        film(body, takes, out / "video.mp4", report)
    except UserError as error:  # whatever keeps this machine from drawing, the numbers stand
        (out / "video.txt").write_text(f"{error}\n")


def film(body: Body, takes: Sequence[Take], path: Path, report: Callable[[float], object]) -> None:
    """Write the takes side by side, one frame per control step.

    Raises:
        UserError: nothing here can draw without a screen.
    """
    steps = max(len(take.moments) for take in takes)
    with (
        closing(Canvas(body, PANE, PICTURE)) as canvas,
        _writer(path, 1 / body.dt) as writer,
    ):
        for step, pixels in enumerate(frames(body, canvas, takes, steps)):
            writer.append_data(pixels)
            report((step + 1) / steps)


def _writer(path: Path, rate: float) -> Any:
    """Takes frames one by one; by the path's suffix, so many a second."""
    if path.suffix == ".gif":
        return imageio.get_writer(path, duration=1000 / rate, loop=0)
    # One thread and bit-exact flags, so that equal frames are equal bytes.
    exact = [
        "-crf",
        str(_QUALITY),
        "-threads",
        "1",
        "-fflags",
        "+bitexact",
        "-flags:v",
        "+bitexact",
        "-movflags",
        "+faststart",
    ]
    return imageio.get_writer(path, fps=rate, codec="libx264", quality=None, macro_block_size=2, output_params=exact)


def frames(body: Body, canvas: Canvas, takes: Sequence[Take], steps: int) -> Iterator[np.ndarray]:
    """Every frame (height, width, 3)."""
    for step in range(steps):
        pictures = [_picture(body, canvas, take, take.at(step)) for take in takes]
        yield frame(pictures, takes, step, steps, body.dt)


def _picture(body: Body, canvas: Canvas, take: Take, moment: Moment) -> np.ndarray:
    likeliest, share = base_task(take, moment), float(moment.posterior.max())
    colour = _faded(BASE_TASK_COLOURS[likeliest], share, len(moment.posterior))
    x, y, z = _place(body, moment)
    return canvas.picture(moment.state, colour, _marks(take, moment, (x, y, z)))


def _place(body: Body, moment: Moment) -> tuple[float, float, float]:
    """Where a body's coordinates put it, m; an arrow is drawn above."""
    qpos = moment.state[1:]
    across = 0.0 if body.coordinates.y is None else float(qpos[body.joint_addresses("y")[0]])
    return float(qpos[body.joint_addresses("x")[0]]), across, 1.7


def _marks(take: Take, moment: Moment, above: tuple[float, float, float]) -> list[Mark]:
    """A pole at a goal, or arrows of the speed asked for and of the speed there is."""
    name, target = take.script.base_task_names[moment.asked], float(take.script.specification[moment.asked])
    about = COORDINATE_OF_KIND[KINDS[int(take.script.kind[moment.asked])]]
    colour = BASE_TASK_COLOURS[name]
    x, y, z = above
    if about in ("x", "y"):
        return [Mark((target, y, 0.0) if about == "x" else (x, target, 0.0), colour)]
    if about != "vx":
        return []
    arrows = Mark(above, colour, _ARROW * target), Mark((x, y, z - _APART), INK, _ARROW * moment.value)
    return [arrow for arrow in arrows if abs(arrow.length or 0.0) > _SHORTEST]


def _faded(colour: str, share: float, choices: int) -> str:
    """The colour of a belief: grey where it is as good as a guess."""
    sure = max(0.0, (share - 1 / choices) / (1 - 1 / choices))
    mixed = [round(sure * own + (1 - sure) * grey) for own, grey in zip(rgb(colour), _UNSURE, strict=True)]
    return "#" + "".join(f"{part:02x}" for part in mixed)
