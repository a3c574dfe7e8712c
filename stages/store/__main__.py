"""The commands of the store: ``python -m stages.store list``, and others that look after it."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from stages.cli import Parser, answer
from stages.plan import STAGES
from stages.store import Store, garbage, housekeeping, packing


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run a command of the store; ends the process, with code 2 and one line where the user can mend it."""
    answer(lambda: _run(argv), "interrupted")


def _run(argv: Sequence[str] | None) -> int:
    options = _parser().parse_args(argv)
    return int(options.command(Store(), options) or 0)


def _parser() -> Parser:
    parser = Parser(prog="python -m stages.store", description="Looks after the store.", allow_abbrev=False)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, act: Callable[[Store, argparse.Namespace], int | None], words: str) -> Parser:
        added = commands.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")
        added.set_defaults(command=act)
        return added

    listing = command("list", _list, "what is stored, newest first")
    listing.add_argument("--stage", choices=STAGES, help="runs of this stage alone")
    listing.add_argument("--body", metavar="NAME", help="runs of this body alone")
    listing.add_argument("--all", action="store_true", help="damaged runs besides")
    show = command("show", _show, "one run: its key, config, lineage, files and metrics")
    command("verify", _verify, "read every byte, put damaged runs aside; exit code 1 if there are any")
    clear = command("gc", _clear, "say what nothing needs any more, and why; with --yes remove it")
    clear.add_argument("--yes", action="store_true", help="remove it")
    kept = "how long damaged runs are kept, and checkpoints of stages that nobody computes (default: 30)"
    clear.add_argument("--older-than", type=_days, default=30.0, metavar="DAYS", help=kept)
    export = command("export", _export, "pack a run with all that it came from")
    export.add_argument("--out", type=Path, metavar="FILE.tar", required=True, help="the file to write")
    for reader in (show, export):
        reader.add_argument("run", metavar="RUN", help="MLflow run id, its beginning, or a key")
    bring = command("import", _import, "store the runs of a pack that are not stored yet")
    bring.add_argument("file", type=Path, metavar="FILE.tar", help="what export wrote")
    return parser


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = math.nan
    if not 0 <= days < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days, 0 or more")
    return days


def _print(lines: Sequence[str]) -> None:
    try:
        print(*lines, sep="\n", flush=True)
    except BrokenPipeError:  # by `| head`, say
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _list(store: Store, options: argparse.Namespace) -> None:
    _print(housekeeping.listed(store, options.stage, options.body, options.all))


def _show(store: Store, options: argparse.Namespace) -> None:
    _print(housekeeping.shown(store, options.run))


def _verify(store: Store, options: argparse.Namespace) -> int:
    return int(housekeeping.verify(store) > 0)


def _clear(store: Store, options: argparse.Namespace) -> None:
    garbage.collect(store, options.older_than, options.yes)


def _export(store: Store, options: argparse.Namespace) -> None:
    packing.export(store, options.run, options.out)


def _import(store: Store, options: argparse.Namespace) -> None:
    packing.bring_in(store, options.file)


if __name__ == "__main__":
    main()
