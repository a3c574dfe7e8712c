"""``python -m vis.banner``: the moving picture of README, two packed agents that follow tasks they are not told."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from envs.body import Body
from envs.tasks import LINE
from stages import packed
from stages.cli import Parser
from stages.offscreen import Canvas
from stages.takes import Moment, Take
from stages.video import frames
from vis.command import answer, save_aside, targets
from vis.style import BASE_TASK_COLOURS, GRID, INK, MUTED, PAPER
from vis.video import script

#: Who is shown, and what is wanted of it, in turn.
_SHOWN = (("walker", "velocity:1.5,goal:3,velocity:-1.5"), ("cheetah", "goal:2,velocity:-2,goal:-4"))
#: Simulated seconds of each task; control steps between two frames; quality of the file, of 100.
_SECONDS, _EVERY, _QUALITY = 3.0, 2, 45
#: Pixels: a pane and the gap between two; from the top the heading, the picture, strips, a chart and the legend.
_PANE, _GAP, _LEFT = 404, 16, 66
_HEAD, _PICTURE, _WANTED, _BELIEVED, _CHART, _LEGEND = 34, 216, 12, 26, 44, 26
#: How long the end is held, ms.
_HELD = 1500
_FINER = 2  # drawn so much larger than shown, for smooth edges
_WORST = 1.5  # share of the target beyond which an error is drawn as this

_NAMES = LINE.base_tasks

Pen = ImageDraw.ImageDraw


class _Kept(Canvas):
    """A canvas that keeps its last picture, without what a film writes around it."""

    last: np.ndarray

    def picture(self, *args: Any, **kwargs: Any) -> np.ndarray:
        """As ``Canvas.picture``."""
        self.last = super().picture(*args, **kwargs)
        return self.last


def run(options: argparse.Namespace) -> None:
    """Write the picture."""
    path = targets(options.out, "banner", (".webp",))[0]
    panes = [list(_pane(name, tasks)) for name, tasks in _SHOWN]
    images = [_beside(each) for each in zip(*panes, strict=True)]
    save_aside(path, lambda part: _save(images, part, _EVERY * 50))


def _pane(name: str, tasks: str) -> Iterator[Image.Image]:
    """The frames of one agent."""
    agent = packed.load(name)
    [take] = packed.shot(agent, ["agent"], script(tasks, agent.body.space), _SECONDS)
    pictures = _pictures(agent.body, take)
    for step, pixels in enumerate(pictures):
        if step % _EVERY == 0:
            yield _drawn(name, agent.body, take, step, pixels)


def _pictures(body: Body, take: Take) -> Iterator[np.ndarray]:
    """The body in the colour of its belief, with what it is asked for marked, as films show it."""
    with closing(_Kept(body, _PANE * _FINER, _PICTURE * _FINER)) as canvas:
        for _ in frames(body, canvas, [take], len(take.moments)):
            yield canvas.last


def _drawn(name: str, body: Body, take: Take, step: int, pixels: np.ndarray) -> Image.Image:
    height = _HEAD + _PICTURE + _WANTED + _BELIEVED + _CHART + 30
    image = Image.new("RGB", (_PANE, height), PAPER)
    image.paste(Image.fromarray(pixels).resize((_PANE, _PICTURE), Image.Resampling.LANCZOS), (0, _HEAD))
    pen, moments = ImageDraw.Draw(image), take.moments[: step + 1]
    asked = moments[-1].asked
    task = take.script[asked : asked + 1]
    colour = BASE_TASK_COLOURS[str(task.base_task_names[0])]
    pen.text((0, 16), name, font=_font(19), fill=INK, anchor="lm")
    words = f"wanted: {task.labels()[0]}"
    pen.text((_PANE, 16), words, font=_font(16), fill=INK, anchor="rm")
    left = _PANE - pen.textlength(words, font=_font(16)) - 20
    pen.rounded_rectangle((left, 9, left + 13, 22), 3, fill=colour)
    _strips(pen, take, moments, _HEAD + _PICTURE + 8)
    _chart(pen, take, moments, _HEAD + _PICTURE + _WANTED + _BELIEVED + 18)
    seconds = f"{step * body.dt:.0f} s"
    pen.text((_PANE - 8, _HEAD + 14), seconds, font=_font(14), fill=MUTED, anchor="rm")
    return image


def _across(take: Take, step: int) -> float:
    """Where a control step lies, px."""
    return _LEFT + step * (_PANE - _LEFT) / len(take.moments)


def _strips(pen: Pen, take: Take, moments: Sequence[Moment], top: int) -> None:
    """What was wanted, all along, and what has been believed so far."""
    names = take.script.space.base_tasks
    for title, y, high in (("wanted", top, _WANTED), ("believed", top + _WANTED + 4, _BELIEVED)):
        pen.text((0, y + high / 2), title, font=_font(13), fill=MUTED, anchor="lm")
    pen.rectangle((_LEFT, top + _WANTED + 4, _PANE - 1, top + _WANTED + 3 + _BELIEVED), fill="#f4f6f8")
    for step, moment in enumerate(take.moments):
        span = (_across(take, step), _across(take, step + 1))
        wanted = BASE_TASK_COLOURS[str(take.script.base_task_names[moment.asked])]
        pen.rectangle((span[0], top, span[1], top + _WANTED - 1), fill=wanted)
        y = float(top + _WANTED + 4)
        for name, share in zip(names, moment.posterior if step < len(moments) else (), strict=False):
            if share * _BELIEVED >= 0.5:
                pen.rectangle((span[0], y, span[1], max(y, y + share * _BELIEVED - 1)), fill=BASE_TASK_COLOURS[name])
            y += share * _BELIEVED


def _chart(pen: Pen, take: Take, moments: Sequence[Moment], top: int) -> None:
    """How far it is from what is wanted, as a share of that."""
    pen.text((0, top + _CHART / 2), "error", font=_font(13), fill=MUTED, anchor="lm")
    for level in (0.0, 1.0):
        y = top + _CHART * (1.0 - level / _WORST)
        pen.line((_LEFT, y, _PANE, y), fill=GRID, width=1)
        pen.text((_LEFT - 6, y), f"{level:.0f}", font=_font(11), fill=MUTED, anchor="rm")
    points = []
    for step, moment in enumerate(moments):
        target = float(take.script.specification[moment.asked])
        error = min(abs(moment.value - target) / abs(target), _WORST)
        points.append((_across(take, step), top + _CHART * (1.0 - error / _WORST)))
    if len(points) > 1:
        pen.line(points, fill=INK, width=2, joint="curve")


def _beside(panes: Sequence[Image.Image]) -> Image.Image:
    """Panes side by side, above the colours' names."""
    width, height = len(panes) * (_PANE + _GAP) - _GAP, panes[0].height
    image = Image.new("RGB", (width + 24, height + _LEGEND + 12), PAPER)
    for place, pane in enumerate(panes):
        image.paste(pane, (12 + place * (_PANE + _GAP), 6))
    pen, x = ImageDraw.Draw(image), 12.0
    for name in _NAMES:
        pen.rounded_rectangle((x, height + 12, x + 13, height + 25), 3, fill=BASE_TASK_COLOURS[name])
        pen.text((x + 19, height + 18), name, font=_font(13), fill=MUTED, anchor="lm")
        x += 19 + pen.textlength(name, font=_font(13)) + 22
    return image


@cache
def _font(points: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(points)


def _save(images: Sequence[Image.Image], path: Path, milliseconds: int) -> None:
    """As animated WebP, a third of what a GIF in as many colours takes.

    It begins with the end, which is held: where nothing moves, that is what is seen.
    """
    first, *others = images[-1], *images[:-1]
    times = [_HELD, *(milliseconds for _ in others)]
    first.save(path, save_all=True, append_images=others, quality=_QUALITY, method=4, duration=times, loop=0)


def parser() -> Parser:
    """The options of the command."""
    options = Parser(prog="python -m vis.banner", description="Draws README's moving picture from packed agents.")
    options.add_argument("--out", metavar="PATH", help="a .webp file, or a folder (default: banner.webp)")
    return options


if __name__ == "__main__":
    answer(parser(), run)
