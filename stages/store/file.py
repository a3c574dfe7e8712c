"""MLflow's database as an sqlite file, read by sqlite3: SQLAlchemy's import costs what a hit should not pay."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

#: Seconds to wait for another writer.
_TIMEOUT = 30.0


class File:
    """A database in a file. Methods raise sqlite3.Error if it is none of MLflow's, or cannot be read."""

    #: Tells runs of one millisecond apart: the later one is larger.
    order = "runs.rowid"

    def __init__(self, path: Path) -> None:
        self.path = path

    def rows(self, table: str, query: str, **values: str | int) -> list[tuple[Any, ...]]:
        """What a query finds; nothing where its table is not there yet."""
        if not self.path.exists():
            return []
        with self._connect() as connection:
            return connection.execute(query, values).fetchall() if _has(connection, table) else []

    def prepare(self) -> None:
        """Create the file if need be, and let readers and a writer work side by side."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self._half_made():
            for suffix in ("", "-wal", "-shm"):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        with self._connect() as connection:
            connection.execute("PRAGMA journal_mode = WAL")

    def rehome(self, experiment_id: str, home: Path) -> None:
        """Point the experiment and its runs at a folder: MLflow stores absolute addresses, and a clone may move."""
        with self._connect() as connection:
            connection.execute(
                "UPDATE experiments SET artifact_location = ?1 WHERE experiment_id = ?2 AND artifact_location != ?1",
                (str(home), experiment_id),
            )
            connection.execute(
                "UPDATE runs SET artifact_uri = ?1 || '/' || run_uuid || '/artifacts'"
                " WHERE experiment_id = ?2 AND artifact_uri != ?1 || '/' || run_uuid || '/artifacts'",
                (str(home), experiment_id),
            )

    def _half_made(self) -> bool:
        """Whether MLflow was killed while it made the database; it cannot go on from there. Nothing is in it yet."""
        with self._connect() as connection:
            left = connection.execute("SELECT 1 FROM sqlite_master WHERE name LIKE '\\_alembic\\_tmp\\_%' ESCAPE '\\'")
            if left.fetchone() is None:
                return False
            return not _has(connection, "runs") or connection.execute("SELECT 1 FROM runs").fetchone() is None

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.path, timeout=_TIMEOUT)) as connection, connection:
            yield connection


def _has(connection: sqlite3.Connection, table: str) -> bool:
    # MLflow, or a process that was killed, may have created no more than the file.
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone() is not None
