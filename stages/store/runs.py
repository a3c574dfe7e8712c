"""Finding, computing and keeping runs: one finished MLflow run per key."""

from __future__ import annotations

import errno
import logging
import os
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from envs.errors import UserError
from stages.closure import PROJECT
from stages.contract import Artifact
from stages.keys import Components
from stages.store import artifacts
from stages.store.database import EXPERIMENT, Database, Record, component_tags
from stages.store.elsewhere import IMPORTING, Elsewhere
from stages.store.locks import DATABASE, Lock, Locks
from stages.store.registry import registered
from stages.store.writer import StoredRun, Writer, read_metrics

if TYPE_CHECKING:
    from mlflow.tracking.client import MlflowClient


def default_root() -> Path:
    """Where the store lies: ``CARRYOVER_ROOT``, or the repository."""
    return Path(os.environ.get("CARRYOVER_ROOT", PROJECT)).resolve()


class Store:
    """MLflow runs below a root: ``mlflow.db``, ``mlruns/`` and, for what is under way, ``.carryover/``.

    Where MLflow's variables name another database, it and the artifacts lie there, and copies of these below the root.

    Methods raise UserError, in one line, where the disk is full or the database cannot be used.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or default_root()
        self.state = self.root / ".carryover"
        self.database = Database(self.root)
        file, own = self.database.address.file, self.database.address.own
        # Whoever shares a file of a database shares the locks beside it.
        self.locks = Locks((file.parent if file else self.root) / ".carryover" / "locks", self.database.server)
        self.elsewhere = None if own else Elsewhere(self.database)
        self.home = self.root / "mlruns" if own else self.state / "copies"

    def create(self) -> None:
        """Make the database's file where there is none, which takes seconds that a first run need not wait for."""
        file = self.database.address.file
        if file and not file.exists():
            with self.explained():
                self.client.get_experiment_by_name(EXPERIMENT)

    def find(self, key: str, say: Callable[[str], object] = print) -> StoredRun | None:
        """The newest sound run of a key. A damaged one is put aside, which ``say`` is told in a line."""
        with self.explained():
            return self._first_sound(self.database.runs("FINISHED", "key", key), say)

    def latest(self, stage: str, say: Callable[[str], object] = print) -> StoredRun | None:
        """The newest sound run of a stage."""
        with self.explained():
            return self._first_sound(self.database.runs("FINISHED", "stage", stage), say)

    def run(self, run_id: str) -> StoredRun:
        """A finished run by its id, by the beginning of it, or as a registered model: ``name@alias``."""
        name, at, alias = run_id.partition("@")
        with self.explained():
            record = self.database.find(registered(self.database, name, alias) if at else run_id)
        stored = self._first_sound([record], _raise) if record else None
        if stored is None:
            raise UserError(f"run: no finished run {run_id!r}; `python -m stages.store list` lists them")
        return stored

    def components(self, stage: str, limit: int = 50) -> list[Components]:
        """What decided the latest runs of a stage, newest first."""
        with self.explained():
            records = self.database.runs("FINISHED", "stage", stage, limit)
        return [record.parts for record in records]

    def read(self, record: Record, say: Callable[[str], object] = print, afresh: bool = False) -> StoredRun | None:
        """A record's run, if it is sound; if it is damaged it is put aside, which ``say`` is told in a line.

        Args:
            afresh: fetch what lies elsewhere even if a sound copy is here.
        """
        with self.explained():
            return self._read(record, say, afresh)

    def drop(self, record: Record) -> None:
        """Delete a run, with its key's lock held: what names it goes first, so that none is found without files."""
        with self.explained():
            self.client.delete_run(record.run_id)
            artifacts.remove(self.folder(record.run_id, record.experiment_id).parent)
            if self.elsewhere:
                self.elsewhere.erase(record.run_id)

    def knows_owner(self, record: Record) -> bool:
        """Whether a free lock of a run's key tells that the process which began the run has ended."""
        return self.locks.server is not None or record.tags.get("host") == socket.gethostname()

    def lock(self, key: str) -> Lock:
        """The lock of a key's computation, which its owner cannot leave behind when it dies."""
        with self.explained():
            return self.locks.of(key)

    def work(self, key: str) -> Path:
        """Where a key is computed; survives a kill, so that a stage resumes from its checkpoint."""
        return self.state / "work" / key

    @contextmanager
    def begin(self, key: str, parts: Components, tags: Mapping[str, str]) -> Iterator[Writer]:
        """A new run, to be called with the key's lock held; without ``publish`` it ends KILLED or FAILED."""
        with self.explained():
            self._sweep(key)
            about = {"key": key, "stage": parts["stage"], "pid": str(os.getpid()), "host": socket.gethostname(), **tags}
            name = " ".join(filter(None, [parts["stage"], tags.get("body"), tags.get("route")]))
            run = self.client.create_run(self.experiment, tags=about | component_tags(parts), run_name=name)
        writer = Writer(self, run.info.run_id, parts)
        try:
            with self.explained():
                writer.parameters(parts["config"])
                writer.declare()
            yield writer
        except Exception:
            self._abandon(writer.run_id, "FAILED")
            raise
        except BaseException:
            self._abandon(writer.run_id, "KILLED")
            raise

    def folder(self, run_id: str, experiment_id: str) -> Path:
        """Where a run's files lie, or a copy of them, whatever address the database holds."""
        return self.home / experiment_id / run_id / "artifacts"

    @cached_property
    def client(self) -> MlflowClient:
        """MLflow's client; the first one of a root creates the database, alone."""
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        with self.lock(DATABASE):
            self.database.prepare()
            place = self.elsewhere.choose() if self.elsewhere and not self.database.homes() else None
            with IMPORTING:
                from mlflow.tracking.client import MlflowClient

            for name in ("mlflow", "alembic"):
                logging.getLogger(name).setLevel(logging.WARNING)
            client = MlflowClient(self.database.address.uri, self.database.address.uri)
            if client.get_experiment_by_name(EXPERIMENT) is None:
                client.create_experiment(EXPERIMENT, place)
            return client

    @cached_property
    def experiment(self) -> str:
        """Id of the experiment that holds every run."""
        found = self.client.get_experiment_by_name(EXPERIMENT)
        if found is None:
            raise UserError(f"{self.database}: experiment {EXPERIMENT!r} is deleted; restore it in `mlflow ui`")
        self.database.rehome(found.experiment_id, self.home / found.experiment_id)
        return found.experiment_id

    def _first_sound(self, records: list[Record], say: Callable[[str], object]) -> StoredRun | None:
        return next((run for record in records if (run := self._read(record, say))), None)

    def _read(self, record: Record, say: Callable[[str], object], afresh: bool = False) -> StoredRun | None:
        tags, folder = record.tags, self.folder(record.run_id, record.experiment_id)
        if not record.is_sound:
            return None
        wrong = self._damage(record, folder, afresh)
        if wrong and self.database.find(record.run_id) is None:
            return None  # deleted since it was looked up
        if wrong:
            words = f"stored {tags.get('stage')} {record.run_id[:8]}: {wrong}"
            say(words + (f"; put aside as {aside}" if (aside := self._quarantine(record, folder, wrong)) else ""))
            return None
        artifact = Artifact(tags["stage"], tags["key"], tags["digest"], folder)
        return StoredRun(record.run_id, artifact, read_metrics(folder), float(tags["seconds"]), hit=True)

    def _damage(self, record: Record, folder: Path, afresh: bool) -> str | None:
        """What is wrong with a run's files, which are fetched if they lie elsewhere and no sound copy is here."""

        def damage(place: Path) -> str | None:
            return artifacts.damage(place, record.tags.get("digest", ""), record.tags.get("key", ""))

        if self.elsewhere is None:
            return damage(folder)
        name = f"fetch-{record.run_id}"
        with self.locks.here(name):
            wrong = damage(folder)
            if wrong or afresh:
                fetched = self.work(name)
                artifacts.clear(fetched, everything=True)
                self.elsewhere.download(record.run_id, fetched)
                if (found := damage(fetched)) or wrong:
                    artifacts.place(fetched, folder)
                    return found
                artifacts.remove(fetched)
            return None

    def _quarantine(self, record: Record, folder: Path, wrong: str) -> str | None:
        self.client.set_tag(record.run_id, "quarantined", wrong)
        home = self.state / "quarantine"
        home.mkdir(parents=True, exist_ok=True)
        taken = (home / f"{record.run_id}-{n}" for n in range(1, 1000))
        aside = next(path for path in taken if not path.exists())
        try:
            folder.rename(aside)
        except FileNotFoundError:
            return None
        aside.touch()  # when it was put aside
        return aside.relative_to(self.root).as_posix()

    def _sweep(self, held: str) -> None:
        """End runs whose owner died: nobody holds the lock of their key, or the caller does."""
        for record in filter(self.knows_owner, self.database.running()):
            key = record.tags["key"]
            if key == held or self.locks.is_free(key):
                self._abandon(record.run_id, "KILLED")

    def _abandon(self, run_id: str, status: str) -> None:
        # What ended the run is told to the user; a database that fails as well must not hide it.
        with suppress(OSError, UserError, *_client_errors()):
            artifacts.discard(self.folder(run_id, self.experiment))
            self.client.set_terminated(run_id, status)
            if self.elsewhere:
                self.elsewhere.erase(run_id)

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn what the disk or the database refuses into one line."""
        try:
            yield
        except OSError as error:
            raise UserError(self._advice(error)) from error
        except (sqlite3.Error, *_client_errors()) as error:
            line = " ".join(str(getattr(error, "orig", None) or error).split())[:200]  # the driver's own words
            advice = "see that the server answers and lets this user" if self.database.server else "see that MLflow can"
            raise UserError(f"{self.database}: {line}; {advice} write it") from error

    def _advice(self, error: OSError) -> str:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return f"disk full: the store in {self.root.name} cannot grow; free some space and run again"
        name = Path(error.filename).name if error.filename else self.root.name
        return f"store: {name}: {error.strerror or error}; see that the repository's folder is writable"


def _client_errors() -> tuple[type[Exception], ...]:
    with IMPORTING:
        if "sqlalchemy" not in sys.modules:
            return ()
        from sqlalchemy.exc import SQLAlchemyError

        if "mlflow.tracking.client" not in sys.modules:
            return (SQLAlchemyError,)
        from mlflow.exceptions import MlflowException

        return (MlflowException, SQLAlchemyError)


def _raise(words: str) -> None:
    raise UserError(words)
