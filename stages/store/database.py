"""Reading MLflow's tracking database directly.

Importing MLflow costs seconds, which a cache hit should not pay: look-ups read its tables, only writes go through
its client (``stages.store``).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from stages.keys import Components, canonical_json

EXPERIMENT = "carryover"
#: Seconds to wait for another writer.
_TIMEOUT = 30.0
#: MLflow's limit on a tag is 8000 characters.
_TAG_LENGTH = 5000
_QUERY = """
    SELECT runs.run_uuid, runs.experiment_id, runs.status, runs.start_time
    FROM runs JOIN experiments USING (experiment_id) JOIN tags ON tags.run_uuid = runs.run_uuid
    WHERE experiments.name = ? AND runs.lifecycle_stage = 'active' AND tags.key = ? AND {}
    ORDER BY runs.start_time DESC, runs.rowid DESC LIMIT ?"""
#: Newest first; MLflow keeps the rows of deleted versions, and their tags.
_VERSIONS = """
    SELECT versions.version, versions.run_id, versions.current_stage = 'Deleted_Internal', COALESCE(tags.value, ''),
        (SELECT group_concat(alias) FROM registered_model_aliases AS aliases
         WHERE aliases.name = versions.name AND aliases.version = versions.version)
    FROM model_versions AS versions LEFT JOIN model_version_tags AS tags
        ON tags.name = versions.name AND tags.version = versions.version AND tags.key = 'digest'
    WHERE versions.name = ? ORDER BY versions.version DESC"""


@dataclass(frozen=True)
class Record:
    """A run as MLflow's tables hold it.

    Attributes:
        started: seconds since the epoch.
    """

    run_id: str
    experiment_id: str
    status: str
    started: float
    tags: dict[str, str]

    @property
    def parts(self) -> Components:
        """What decided the result, from the tags of ``component_tags``."""
        pieces = sorted((int(name.split(".")[1]), text) for name, text in self.tags.items() if _is_piece(name))
        return json.loads("".join(text for _, text in pieces) or "{}")

    @property
    def profile(self) -> str:
        """``full`` where it was not recorded yet."""
        return self.tags.get("profile", "full")

    @property
    def kind(self) -> tuple[str | None, ...]:
        """What the newer of two runs has to share with the older to supersede it."""
        config = self.parts.get("config", {})
        tags = (self.tags.get(name) for name in ("stage", "body", "route", "method", "seed"))
        return (*tags, self.profile, config.get("tasks"), config.get("space"))

    @property
    def is_sound(self) -> bool:
        """Whether it may be served: finished, and not put aside."""
        return self.status == "FINISHED" and "quarantined" not in self.tags


def component_tags(parts: Components) -> dict[str, str]:
    """Components as tags, in pieces that MLflow takes."""
    text = canonical_json(parts)
    return {f"components.{i // _TAG_LENGTH}": text[i : i + _TAG_LENGTH] for i in range(0, len(text), _TAG_LENGTH)}


def _is_piece(tag: str) -> bool:
    return tag.startswith("components.")


@dataclass(frozen=True)
class Version:
    """A version of a registered model."""

    number: int
    run_id: str
    deleted: bool
    digest: str
    aliases: frozenset[str]


class Database:
    """``mlflow.db`` below a root."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = root / "mlflow.db"

    @property
    def uri(self) -> str:
        """What MLflow calls the tracking URI."""
        return f"sqlite:///{self.path}"

    def runs(self, status: str, tag: str, value: str, limit: int = -1) -> list[Record]:
        """Runs of the experiment with a status and a tag, newest first.

        Raises:
            sqlite3.Error: the file is no MLflow database, or cannot be read.
        """
        if not self.path.exists():
            return []
        return self._select(
            _QUERY.format("tags.value = ? AND runs.status = ?"), (EXPERIMENT, tag, value, status, limit)
        )

    def find(self, run_id: str) -> Record | None:
        """The newest finished run whose id begins so."""
        if not self.path.exists() or not run_id:
            return None
        where = "runs.run_uuid LIKE ? AND runs.status = 'FINISHED'"
        return next(iter(self._select(_QUERY.format(where), (EXPERIMENT, "key", f"{run_id}%", 1))), None)

    def every(self) -> list[Record]:
        """The runs of all stages, whatever became of them, newest first; none that is deleted."""
        return self._select(_QUERY.format("TRUE"), (EXPERIMENT, "key", -1)) if self.path.exists() else []

    def history(self, run_id: str, metric: str) -> list[tuple[float, float]]:
        """When a metric of a run was logged, seconds since the epoch, and its value; oldest first."""
        if not self.path.exists():
            return []
        query = "SELECT timestamp, value FROM metrics WHERE run_uuid = ? AND key = ? ORDER BY timestamp, value"
        with self._connect() as connection:
            found = connection.execute(query, (run_id, metric)).fetchall() if _has(connection, "metrics") else []
        return [(time / 1000, float(value)) for time, value in found]

    def homes(self) -> list[str]:
        """Ids of the experiment: the folders of its runs below ``mlruns``."""
        return self._column("experiments", "SELECT experiment_id FROM experiments WHERE name = ?", EXPERIMENT)

    def known(self) -> set[str]:
        """Ids of all runs that are not deleted, of this experiment or another."""
        return set(self._column("runs", "SELECT run_uuid FROM runs WHERE lifecycle_stage = ?", "active"))

    def aliased(self) -> set[str]:
        """Ids of runs that a version of a registered model points at, if the version has an alias."""
        query = (
            "SELECT run_id FROM model_versions JOIN registered_model_aliases USING (name, version)"
            " WHERE run_id IS NOT NULL"
        )
        return set(self._column("registered_model_aliases", query))

    def versions(self, model: str) -> list[Version]:
        """All versions of a registered model, newest first, deleted ones too."""
        if not self.path.exists():
            return []
        with self._connect() as connection:
            found = connection.execute(_VERSIONS, (model,)).fetchall() if _has(connection, "model_versions") else []
        return [
            Version(number, run_id, bool(deleted), digest, frozenset((aliases or "").split(",")) - {""})
            for number, run_id, deleted, digest, aliases in found
        ]

    def prepare(self) -> None:
        """Create the file if need be, and let readers and a writer work side by side."""
        if self._half_made():
            for suffix in ("", "-wal", "-shm"):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        with self._connect() as connection:
            connection.execute("PRAGMA journal_mode = WAL")

    def _half_made(self) -> bool:
        """Whether MLflow was killed while it made the database; it cannot go on from there. Nothing is in it yet."""
        with self._connect() as connection:
            left = connection.execute("SELECT 1 FROM sqlite_master WHERE name LIKE '\\_alembic\\_tmp\\_%' ESCAPE '\\'")
            if left.fetchone() is None:
                return False
            return not _has(connection, "runs") or connection.execute("SELECT 1 FROM runs").fetchone() is None

    def rehome(self, experiment_id: str) -> None:
        """Point the experiment and its runs at this root: MLflow stores absolute addresses, and a clone may move."""
        home = str(self.root / "mlruns" / experiment_id)
        with self._connect() as connection:
            connection.execute(
                "UPDATE experiments SET artifact_location = ?1 WHERE experiment_id = ?2 AND artifact_location != ?1",
                (home, experiment_id),
            )
            connection.execute(
                "UPDATE runs SET artifact_uri = ?1 || '/' || run_uuid || '/artifacts'"
                " WHERE experiment_id = ?2 AND artifact_uri != ?1 || '/' || run_uuid || '/artifacts'",
                (home, experiment_id),
            )

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.path, timeout=_TIMEOUT)) as connection, connection:
            yield connection

    def _select(self, query: str, values: tuple[str | int, ...]) -> list[Record]:
        with self._connect() as connection:
            if not _has(connection, "tags"):
                return []
            found = connection.execute(query, values).fetchall()
            return [
                Record(run, str(experiment), status, started / 1000, self._tags(connection, run))
                for run, experiment, status, started in found
            ]

    def _column(self, table: str, query: str, *values: str) -> list[str]:
        if not self.path.exists():
            return []
        with self._connect() as connection:
            return [str(row[0]) for row in connection.execute(query, values)] if _has(connection, table) else []

    def _tags(self, connection: sqlite3.Connection, run_id: str) -> dict[str, str]:
        return dict(connection.execute("SELECT key, value FROM tags WHERE run_uuid = ?", (run_id,)).fetchall())


def _has(connection: sqlite3.Connection, table: str) -> bool:
    # MLflow, or a process that was killed, may have created no more than the file.
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone() is not None
