"""``python -m stages.pretrained``: the store's agents and toys that the repository carries, packed small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from envs.body_files import body_names, body_path, read_toml, space_name
from envs.errors import UserError
from stages.cli import Parser, answer
from stages.closure import PROJECT

if TYPE_CHECKING:
    from stages.store import Store, StoredRun

FOLDER = "pretrained"


def agent_file(body: str, folder: Path | None = None) -> Path:
    """Where the packed agent of a body lies.

    Raises:
        UserError: there is none.
    """
    path = (folder or PROJECT / FOLDER) / f"{body}.agent"
    if not path.is_file():
        has = ", ".join(sorted(each.stem for each in path.parent.glob("*.agent"))) or "none"
        raise UserError(f"{FOLDER}/{body}.agent: not there (there: {has}); `python -m stages.pretrained` makes it")
    return path


def named(name: str) -> Path:
    """Where an agent lies that is named by its file, by its folder, or, of those carried here, by its body.

    Raises:
        UserError: a body of which none is carried.
    """
    path = Path(name)
    return path if path.exists() or path.suffix or len(path.parts) != 1 else agent_file(name)


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Write the packed files; ends the process, with code 2 and one line where the user can mend it."""
    answer(lambda: _run(argv), "interrupted")


def _run(argv: Sequence[str] | None) -> int:
    parser = Parser(prog="python -m stages.pretrained", description=__doc__, allow_abbrev=False)
    parser.add_argument("--bodies", nargs="+", metavar="NAME", help="whose agents (default: all that are stored)")
    parser.add_argument("--out", type=Path, default=PROJECT / FOLDER, metavar="FOLDER", help=f"default: {FOLDER}")
    options = parser.parse_args(argv)
    from stages.store import Store
    from stages.store.words import size, weight

    store, bodies = Store(), options.bodies or body_names()
    runs = (_write_agent(store, body, options.out, required=bool(options.bodies)) for body in bodies)
    written = {body: run for body, run in zip(bodies, runs, strict=True) if run}
    if not written:
        raise UserError("no agent is stored yet; `make run` makes one")
    _write_toys(store, written, options.out)
    print(f"{options.out.name}: {size(weight(options.out))} in all")
    return 0


def _write_agent(store: Store, body: str, out: Path, required: bool) -> StoredRun | None:
    """The evaluation of the agent that was written; None if a body has none."""
    from tempfile import TemporaryDirectory

    from models.agent_files import pack
    from stages.agent_source import agents_of, collect
    from stages.store.words import size, weight

    if not required and not agents_of(store, body):
        return None
    with TemporaryDirectory(prefix="agent-") as name:
        folder = Path(name) / "agent"
        run, about = collect(store, body, folder)
        path = out / f"{body}.agent"
        pack(folder, path)
    print(f"{path.name}: {about.name}, run {run.run_id[:8]}, profile {about.profile}, {size(weight(path))}")
    return run


def _write_toys(store: Store, written: Mapping[str, StoredRun], out: Path) -> None:
    """The toy's run of every space: with it in the store (``python -m stages.store import``) no toy is trained."""
    from stages.agent_source import made_of
    from stages.store import packing

    for space, run in {space_name(read_toml(body_path(body)), "basic"): run for body, run in written.items()}.items():
        toy = made_of(store, run)["toy_inference"]
        packing.export(store, toy.run_id, out / f"toy-{space}.tar", say=lambda _: None)
        print(f"toy-{space}.tar: run {toy.run_id[:8]}")


if __name__ == "__main__":
    main()
