"""What is written and drawn around the pictures of a film: tasks, beliefs, commands, strides and errors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from envs.palette import BASE_TASK_COLOURS, CONTROL_COLOURS, CONTROL_TITLES
from envs.tasks import COORDINATE_OF_KIND, KINDS, UNITS
from stages.takes import Moment, Take

INK, MUTED, GRID, PAPER = "#1f2933", "#66727f", "#e4e8ec", "#ffffff"
#: Pixels.
PANE, PICTURE, GAP = 424, 300, 4
_HEAD, _TOLD, _ROW, _CHART, _LEFT = 44, 112, 15, 92, 112
_LONGEST = 20
_WORST = 2.0  # errors beyond this many times the target are drawn as this


def size(takes: Sequence[Take]) -> tuple[int, int]:
    """Width and height of a frame, both even, as video needs them."""
    height = _HEAD + PICTURE + _TOLD + _ROW * (len(takes) + 1) + _CHART + 12
    return PANE * len(takes) + GAP * (len(takes) - 1), height + height % 2


def frame(pictures: Sequence[np.ndarray], takes: Sequence[Take], step: int, steps: int, dt: float) -> np.ndarray:
    """(height, width, 3): pictures of all takes side by side at a control step, with all that is told of them."""
    image = Image.new("RGB", size(takes), PAPER)
    draw = ImageDraw.Draw(image)
    _head(draw, takes[0], step, dt)
    for i, (picture, take) in enumerate(zip(pictures, takes, strict=True)):
        left = i * (PANE + GAP)
        image.paste(Image.fromarray(picture), (left, _HEAD))
        _tell(draw, take, step, left, _HEAD + PICTURE, dt)
    _timeline(draw, takes, step, steps, dt)
    return np.asarray(image)


def base_task(take: Take, moment: Moment) -> str:
    """The base task that a take believes in at a moment."""
    return take.script.space.base_tasks[int(moment.posterior.argmax())]


@cache
def _font(points: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(points)


def _write(draw: ImageDraw.ImageDraw, x: float, y: float, text: str, points: int = 14, colour: str = INK) -> float:
    """Text from its upper left corner; returns where it ends."""
    draw.text((x, y), text, font=_font(points), fill=colour)
    return x + draw.textlength(text, font=_font(points))


def _amount(kind: int, value: float) -> str:
    return f"{value:+.2f} {UNITS[COORDINATE_OF_KIND[KINDS[kind]]]}"


def _head(draw: ImageDraw.ImageDraw, take: Take, step: int, dt: float) -> None:
    asked = take.at(step).asked
    name, kind = take.script.base_task_names[asked], int(take.script.kind[asked])
    draw.rounded_rectangle((12, 13, 30, 31), 4, fill=BASE_TASK_COLOURS[name])
    words = f"asked: {KINDS[kind].removesuffix('_y')} {_amount(kind, _specification(take, asked))}"
    end = _write(draw, 38, 12, words, 18)
    clock, note = f"{step * dt:5.1f} s", "told to the oracle alone; the others see rewards"
    left = size_of(draw)[0] - draw.textlength(clock, font=_font(18)) - 12
    if end + 28 + draw.textlength(note, font=_font(13)) < left:  # one picture alone has no room for it
        _write(draw, end + 14, 16, note, 13, MUTED)
    _write(draw, left, 12, clock, 18)


def size_of(draw: ImageDraw.ImageDraw) -> tuple[int, int]:
    """Width and height of what is drawn on."""
    return draw.im.size


def _specification(take: Take, asked: int) -> float:
    return float(take.script.specification[asked])


def _tell(draw: ImageDraw.ImageDraw, take: Take, step: int, left: int, top: int, dt: float) -> None:
    """Below a picture: who it is, the posterior as a bar, what is believed, commanded, and how long for."""
    moment, kind = take.at(step), int(take.script.kind[take.at(step).asked])
    x, fell = left + 12, take.fell and step >= len(take.moments)
    draw.ellipse((x, top + 11, x + 10, top + 21), fill=CONTROL_COLOURS.get(take.control, MUTED))
    end = _write(draw, x + 16, top + 6, CONTROL_TITLES.get(take.control, take.control), 16)
    state = "has fallen" if fell else f"is at {_amount(kind, moment.value)}"
    _write(draw, end + 10, top + 8, state, 14, MUTED)
    _posterior(draw, take, moment, x, top + 31, PANE - 24)
    likeliest, share = base_task(take, moment), float(moment.posterior.max())
    told, low, high = moment.estimate
    believed = next(k for k in take.script.space.kind_ids if _kind_of(take, likeliest) == k)
    sure = f" [{low:+.2f}, {high:+.2f}]" if high > low else ""
    _write(draw, x, top + 47, f"believes {likeliest} {share:.0%}, {_amount(int(believed), told)}{sure}", 13)
    commanded, amount = moment.command
    length, now = moment.stride
    words = f"command {KINDS[commanded].removesuffix('_y')} {_amount(commanded, amount)}, stride {length} x {dt:.2f} s"
    _write(draw, x, top + 67, words, 13, MUTED)
    _stride(draw, length, now, x, top + 90)


def _kind_of(take: Take, name: str) -> int:
    space = take.script.space
    return int(space.kind_ids[space.kind_of_base_task[space.base_tasks.index(name)]])


def _posterior(draw: ImageDraw.ImageDraw, take: Take, moment: Moment, x: float, y: float, width: float) -> None:
    """A bar of probabilities in the tasks' colours."""
    for name, share in zip(take.script.space.base_tasks, moment.posterior, strict=True):
        if share * width >= 0.5:
            draw.rectangle((x, y, x + share * width, y + 10), fill=BASE_TASK_COLOURS[name])
        x += share * width


def _stride(draw: ImageDraw.ImageDraw, length: int, now: int, x: float, y: float) -> None:
    """A box for each control step of the longest stride: this stride's are framed, those done are filled."""
    for i in range(_LONGEST):
        box = (x + 20 * i, y, x + 20 * i + 15, y + 8)
        draw.rectangle(box, fill=INK if i < now else PAPER, outline=INK if i < length else GRID)


def _timeline(draw: ImageDraw.ImageDraw, takes: Sequence[Take], step: int, steps: int, dt: float) -> None:
    """What was asked and what each believed, as strips over time, and below them the errors."""
    width, top = size_of(draw)[0], _HEAD + PICTURE + _TOLD
    scale = (width - _LEFT - 12) / steps
    first = takes[0]
    asked = [first.script.base_task_names[_asked(first, t, steps)] for t in range(steps)]
    _strip(draw, "asked", asked, top, scale)
    for row, take in enumerate(takes, 1):
        seen = [base_task(take, take.at(t)) for t in range(min(step + 1, len(take.moments)))]
        _strip(draw, CONTROL_TITLES.get(take.control, take.control), seen, top + row * _ROW, scale)
    base = top + _ROW * (len(takes) + 1) + _CHART - 8
    _axes(draw, base, width)
    for take in reversed(takes):
        told = [(_LEFT + t * scale, base - _height(take, t)) for t in range(min(step + 1, len(take.moments)))]
        if len(told) > 1:
            draw.line(told, fill=CONTROL_COLOURS.get(take.control, MUTED), width=2)
    now = _LEFT + step * scale
    draw.line((now, top, now, base), fill=MUTED, width=1)


def _asked(take: Take, step: int, steps: int) -> int:
    return min(step * len(take.script) // steps, len(take.script) - 1)


def _strip(draw: ImageDraw.ImageDraw, title: str, names: Sequence[str], y: float, scale: float) -> None:
    _write(draw, 12, y - 1, title, 12, MUTED)
    start = 0
    for t in range(1, len(names) + 1):
        if t == len(names) or names[t] != names[start]:
            box = (_LEFT + start * scale, y + 2, _LEFT + t * scale, y + _ROW - 3)
            draw.rectangle(box, fill=BASE_TASK_COLOURS[names[start]])
            start = t


def _axes(draw: ImageDraw.ImageDraw, base: float, width: int) -> None:
    for level, words in ((0.0, "0"), (1.0, "1: standing still")):
        y = base - level / _WORST * (_CHART - 20)
        draw.line((_LEFT, y, width - 12, y), fill=GRID, width=1)
        _write(draw, 12, y - 8, words, 11, MUTED)
    _write(draw, 12, base - _CHART + 18, "error / target", 11, MUTED)


def _height(take: Take, step: int) -> float:
    """Of the error at a step, in pixels."""
    moment = take.at(step)
    target = _specification(take, moment.asked)
    return min(abs(moment.value - target) / abs(target), _WORST) / _WORST * (_CHART - 20)
