"""What the commands of this package share: find a stored run, draw it, write a page, a PNG or an SVG."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NoReturn

import plotly.graph_objects as go

from envs.errors import UserError
from stages.cli import Parser
from stages.contract import Artifact
from stages.store import Store
from vis.raster import picture

Draw = Callable[[Artifact, argparse.Namespace], go.Figure]
#: What names an agent that is no run of the store.
AGENT = "a packed agent, its folder, or the body of one that the repository carries"
#: What a user types to get a run of a stage where there is none.
_MAKES = "python -m stages.{stage}"


def main(
    stages: str | Sequence[str],
    stem: str,
    draw: Draw,
    choices: Mapping[str, Sequence[str]] | None = None,
) -> NoReturn:
    """Draw the newest (or the named) run of a stage; ends the process.

    The suffix of ``--out`` says the format; without one a page and a PNG are written, by default as ``stem``.

    Args:
        stages: whose runs can be drawn; of several the first is the default.
        draw: is given the run's artifact and the options, with the run's id as ``run_id`` and its MLflow tags as
            ``tags``.
        choices: further options with their values, the default first.
    """
    known = [stages] if isinstance(stages, str) else list(stages)

    def write(options: argparse.Namespace) -> None:
        paths = targets(options.out, stem)
        figure = draw(find(known, options), options)
        for path in paths:
            save_aside(path, partial(_FORMATS[path.suffix], figure))

    more = {"stage": known} if len(known) > 1 else {}
    answer(command_line(known[0], f"{stem}, as page and PNG", {**more, **(choices or {})}), write)


def save_aside(path: Path, save: Callable[[Path], object]) -> None:
    """Write a file in one step, so that a command which is stopped leaves none that is half done, and say its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.stem}.part{path.suffix}")
    try:
        save(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    print(path)


def answer(parser: argparse.ArgumentParser, write: Callable[[argparse.Namespace], None]) -> NoReturn:
    """Run a command; what the user can mend is one line and exit code 2."""
    try:
        write(parser.parse_args())
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        print(f"--out: {error.filename or ''}: {error.strerror or error}; choose another place", file=sys.stderr)
        sys.exit(2)
    sys.exit(0)


def command_line(stage: str, default: str, choices: Mapping[str, Sequence[str]] | None = None) -> Parser:
    """The options that all commands of this package share, and some of its own."""
    parser = Parser(description=f"Draws the newest {stage} run, or the one that --run names.", allow_abbrev=False)
    which = "MLflow run id, its beginning, a key, or a registered model as name@alias (default: the newest run)"
    parser.add_argument("--run", metavar="ID", help=which)
    parser.add_argument("--out", metavar="PATH", help=f"a file, whose suffix is the format, or a folder ({default})")
    for name, values in (choices or {}).items():
        parser.add_argument(f"--{name}", choices=values, default=values[0], help=f"default: {values[0]}")
    return parser


def find(stages: Sequence[str], options: argparse.Namespace) -> Artifact:
    """The run's artifact; its MLflow id and tags become ``options.run_id`` and ``options.tags``.

    Raises:
        UserError: there is no such run, or it is one of another stage.
    """
    store, run, stage = Store(), options.run, getattr(options, "stage", stages[0])
    stored = store.latest(stage, say=warn) if run is None else store.find(run, say=warn) or store.run(run)
    if stored is None:
        raise UserError(f"no {stage} run is stored yet; `{_MAKES.format(stage=stage)}` makes one, so does `make run`")
    if stored.artifact.stage not in stages:
        raise UserError(f"--run: {run} is a run of {stored.artifact.stage}; name one of {' or '.join(stages)}")
    record = store.database.find(stored.run_id)
    options.run_id, options.tags = stored.run_id, record.tags if record else {}
    return stored.artifact


def warn(words: str) -> None:
    """Say something that does not stop the command."""
    print(words, file=sys.stderr)


def targets(out: str | None, stem: str, formats: Sequence[str] = (".html", ".png", ".svg")) -> list[Path]:
    """The files to write: the one that ``out`` names, or the first two formats of ``stem`` in the folder it names.

    Raises:
        UserError: a suffix that is no format.
    """
    path = Path(out or stem)
    if out and (path.is_dir() or out.endswith(("/", "\\"))):
        path = path / stem
    if path.suffix in formats:
        return [path]
    if path.suffix:
        raise UserError(f"--out: no format {path.suffix}; choose {', '.join(formats)}")
    return [path.with_name(path.name + suffix) for suffix in formats[:2]]


def _save_page(figure: go.Figure, path: Path) -> None:
    figure.write_html(path, include_plotlyjs=True, config={"displaylogo": False, "responsive": True})


_FORMATS: Mapping[str, Callable[[go.Figure, Path], object]] = {".html": _save_page, ".png": picture, ".svg": picture}
