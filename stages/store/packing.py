"""Carrying runs from one store to another: pack one with all that it came from, and bring in what a pack holds."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import Timeout

from envs.errors import UserError
from stages.keys import key
from stages.store import artifacts, pack, run_inputs
from stages.store.database import Record
from stages.store.housekeeping import find
from stages.store.lineage import Lineage
from stages.store.pack import PackedRun
from stages.store.runs import Store
from stages.store.words import size
from stages.store.writer import StoredRun

Say = Callable[[str], object]
#: Name of the working folder of an import, and of its lock.
_IMPORT = "import"


def export(store: Store, name: str, out: Path, say: Say = print) -> None:
    """Pack a run, named by its key, its id or the beginning of that, with all that it came from.

    Raises:
        UserError: there is no such run, a run among them is damaged or gone, or ``out`` cannot be written.
    """
    run = find(store, name)
    with store.explained():
        known = Lineage(store.database.every())
        records = known.with_ancestors([run.run_id])
        packed = {record.tags["key"]: _packed(store, known, record) for record in records.values()}
    pack.write(out, list(packed.values()))
    say(f"{out}: {len(packed)} runs, {size(out.stat().st_size)}")


def bring_in(store: Store, file: Path, say: Say = print) -> None:
    """Store the runs of a pack that are not stored yet; nothing is stored unless all of them are sound.

    Raises:
        UserError: the file is damaged or no pack, or its runs do not go with what is stored or being computed.
    """
    with store.explained(), store.locks.alone(), store.lock(_IMPORT), _folder(store) as folder:
        if file.is_file() and file.stat().st_size > shutil.disk_usage(folder).free:
            raise UserError(f"disk full: {file.name} takes {size(file.stat().st_size)}; free some space")
        runs = pack.unpack(file, folder)
        with _locked(store, runs):
            _publish(store, folder, runs, say)


def _packed(store: Store, known: Lineage, record: Record) -> tuple[PackedRun, Path]:
    run, parents = _sound(store, record), known.parents(record)
    if gone := [name for name, parent in parents.items() if parent is None]:
        raise UserError(f"run {record.run_id[:8]}: its {gone[0]} is no longer stored; compute it again first")
    if key(pack.components(run.artifact.folder)) != run.artifact.key:
        raise UserError(f"run {record.run_id[:8]}: {artifacts.COMPONENTS} is damaged; compute it again with --force")
    about = {
        "stage": run.artifact.stage,
        "key": run.artifact.key,
        "digest": run.artifact.digest,
        "seconds": run.seconds,
        "tags": {name: record.tags[name] for name in ("body", "route", "seed", "profile") if name in record.tags},
        "parents": {name: parent.tags["key"] for name, parent in parents.items() if parent},
    }
    return PackedRun.model_validate(about), run.artifact.folder


def _sound(store: Store, record: Record) -> StoredRun:
    wrong: list[str] = []
    run = store.read(record, wrong.append)
    if run is None:
        raise UserError("; ".join(wrong) or f"run {record.run_id[:8]}: no longer stored")
    return run


@contextmanager
def _folder(store: Store) -> Iterator[Path]:
    folder = store.work(_IMPORT)
    artifacts.remove(folder)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        artifacts.remove(folder)


@contextmanager
def _locked(store: Store, runs: Sequence[PackedRun]) -> Iterator[None]:
    with ExitStack() as locks:
        for run in runs:
            try:
                locks.enter_context(store.lock(run.key).acquire(timeout=0))
            except Timeout as error:
                words = f"{run.stage} {run.key[:8]} is being computed here; import it when that has ended"
                raise UserError(words) from error
        yield


def _publish(store: Store, folder: Path, runs: Sequence[PackedRun], say: Say) -> None:
    stored = dict(_stored(store, runs, say))
    for run in runs:
        if found := stored.get(run.key):
            say(f"{run.stage} {run.key[:8]}: stored already as run {found.run_id[:8]}")
        else:
            stored[run.key] = made = _adopt(store, folder / run.key, run, stored)
            say(f"{run.stage} {run.key[:8]}: imported as run {made.run_id[:8]}")


def _stored(store: Store, runs: Sequence[PackedRun], say: Say) -> Iterator[tuple[str, StoredRun]]:
    for run in runs:
        if found := store.find(run.key, say):
            if found.artifact.digest != run.digest:
                words = f"{run.stage} {run.key[:8]} is stored here with other bytes, as run {found.run_id[:8]}"
                raise UserError(f"{words}; import it into a store of its own, with CARRYOVER_ROOT")
            yield run.key, found


def _adopt(store: Store, folder: Path, run: PackedRun, stored: Mapping[str, StoredRun]) -> StoredRun:
    inputs = {name: stored[parent] for name, parent in run.parents.items()}
    tags = {**run.tags, **run_inputs.tags(inputs)}
    with store.begin(run.key, pack.components(folder), tags) as writer:
        run_inputs.log_inputs(store, writer.run_id, inputs)
        return writer.adopt(folder, run.key, run.seconds)
