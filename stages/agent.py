"""``python -m stages.agent --run walker --out walker.agent``: an agent out of the store, as a thing to use anywhere."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

from envs.errors import UserError
from stages.cli import Parser, answer

SUFFIX = ".agent"


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Write an agent; ends the process, with code 2 and one line where the user can mend it."""
    answer(lambda: _run(argv), "interrupted")


def _run(argv: Sequence[str] | None) -> int:
    options = _parser().parse_args(argv)
    # The store's imports are not needed for --help or to refuse a mistake.
    from models.agent_files import pack
    from stages.agent_source import collect
    from stages.store import Store
    from stages.store.words import size, weight

    store = Store()
    with TemporaryDirectory(prefix="agent-") as name:
        folder = Path(name) / "agent"
        run, about = collect(store, options.run, folder, options.tasks, options.body)
        out = Path(options.out or f"{about.name}{SUFFIX}")
        _place(folder, out) if out.suffix != SUFFIX else pack(folder, out)
        print(f"{about.name}, run {run.run_id[:8]}: {out}, {size(weight(out))}")
        if options.mlflow:
            from stages.store.serving import log_agent

            print(log_agent(store, run, about, folder))
    return 0


def _parser() -> Parser:
    parser = Parser(prog="python -m stages.agent", description="Writes an agent out of the store.", allow_abbrev=False)
    which = "a body (its newest agent by the better route), agent-BODY-ROUTE[@ALIAS], or an evaluation's run id or key"
    parser.add_argument("--run", metavar="NAME", required=True, help=which)
    place = f"a file that ends with {SUFFIX}, or a new folder (default: BODY-ROUTE{SUFFIX})"
    parser.add_argument("--out", metavar="PATH", help=place)
    parser.add_argument("--tasks", choices=("basic", "all"), default="basic", help="of a body's agent (default: basic)")
    parser.add_argument("--body", metavar="FILE.toml", help="description of a body that does not ship")
    logs = "also log it as an MLflow model of the evaluation's run, which `mlflow models serve` serves"
    parser.add_argument("--mlflow", action="store_true", help=logs)
    return parser


def _place(folder: Path, out: Path) -> None:
    if out.exists():
        raise UserError(f"--out: {out} is there already; name a new folder, or a file that ends with {SUFFIX}")
    try:
        shutil.copytree(folder, out)
    except OSError as error:
        raise UserError(f"--out: {out}: {error.strerror or error}; choose another place") from error


if __name__ == "__main__":
    main()
