"""What the commands of this package share: find a stored run, draw it, write a page and a PNG."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import plotly.graph_objects as go

from envs.errors import UserError
from stages.contract import Artifact
from stages.store import Store
from vis.raster import png

Draw = Callable[[Artifact, argparse.Namespace], go.Figure]
#: What a user types to get a run of a stage where there is none.
_MAKES = "python -m stages.{stage}"


def main(stage: str, stem: str, draw: Draw, choices: Mapping[str, Sequence[str]] | None = None) -> NoReturn:
    """Draw the newest (or the named) run of a stage into ``stem``.html and ``stem``.png; ends the process.

    ``draw`` is given the run's artifact and the options, with the run's MLflow tags as ``tags``.
    ``choices`` are further options with their values, the default first.
    """

    def write(options: argparse.Namespace) -> None:
        artifact = _find(stage, options)
        target = _target(options.out, stem)
        figure = draw(artifact, options)
        for suffix, save in ((".html", _save_page), (".png", png)):
            path = target.with_name(target.name + suffix)
            part = path.with_name(f"{target.name}.part{suffix}")
            save(figure, part)
            part.replace(path)
            print(path)

    answer(_parser(stage, stem, choices or {}), write)


def copy_file(stage: str, name: str) -> NoReturn:
    """Copy a file of the newest (or the named) run of a stage; ends the process."""
    stem = Path(name).stem

    def write(options: argparse.Namespace) -> None:
        source = _find(stage, options).folder / name
        target = _target(options.out, stem)
        path = target.with_name(target.name + source.suffix)
        path.write_bytes(source.read_bytes())
        print(path)

    answer(_parser(stage, stem, {}), write)


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


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; --help lists the options")


def _parser(stage: str, stem: str, choices: Mapping[str, Sequence[str]]) -> _Parser:
    parser = _Parser(description=f"Draws the newest {stage} run, or the one that --run names.")
    place = f"where to write: a folder, or a path without suffix (default: {stem})"
    which = "MLflow run id, its beginning, a key, or a registered model as name@alias (default: the newest run)"
    parser.add_argument("--run", metavar="ID", help=which)
    parser.add_argument("--out", metavar="PATH", help=place)
    for name, values in choices.items():
        parser.add_argument(f"--{name}", choices=values, default=values[0], help=f"default: {values[0]}")
    return parser


def _find(stage: str, options: argparse.Namespace) -> Artifact:
    """The run's artifact; its MLflow tags become ``options.tags``."""
    store, run = Store(), options.run
    stored = store.latest(stage, say=_warn) if run is None else store.find(run, say=_warn) or store.run(run)
    if stored is None:
        raise UserError(f"no {stage} run is stored yet; `{_MAKES.format(stage=stage)}` makes one, so does `make run`")
    if stored.artifact.stage != stage:
        raise UserError(f"--run: {run} is a run of {stored.artifact.stage}; name one of {stage}")
    record = store.database.find(stored.run_id)
    options.tags = record.tags if record else {}
    return stored.artifact


def _warn(words: str) -> None:
    print(words, file=sys.stderr)


def _target(out: str | None, stem: str) -> Path:
    """The path to write to, without suffix; its folder exists."""
    path = Path(out or stem)
    if out and (path.is_dir() or out.endswith(("/", "\\"))):
        path = path / stem
    if path.suffix in (".html", ".png"):
        path = path.with_suffix("")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _save_page(figure: go.Figure, path: Path) -> None:
    figure.write_html(path, include_plotlyjs=True, config={"displaylogo": False, "responsive": True})
