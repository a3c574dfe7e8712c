"""Reading MLflow's tracking database directly.

Importing MLflow costs seconds, which a cache hit should not pay: look-ups read its tables, only writes go through
its client (``stages.store``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from stages.keys import Components, canonical_json
from stages.store.address import TRACKING, address
from stages.store.file import File

if TYPE_CHECKING:
    from stages.store.server import Server

EXPERIMENT = "carryover"
#: MLflow's limit on a tag is 8000 characters.
_TAG_LENGTH = 5000
_MANY = 10**9
#: Newest first, a row per tag. Words that all of sqlite, PostgreSQL and MySQL understand: ``key`` is one of theirs.
_QUERY = """
    SELECT found.run_uuid, found.experiment_id, found.status, found.start_time, about.key, about.value
    FROM (
        SELECT runs.run_uuid, runs.experiment_id, runs.status, runs.start_time, {order} AS place
        FROM runs JOIN experiments ON experiments.experiment_id = runs.experiment_id
            JOIN tags ON tags.run_uuid = runs.run_uuid
        WHERE experiments.name = :experiment AND runs.lifecycle_stage = 'active' AND tags.key = :tag AND {where}
        ORDER BY runs.start_time DESC, place DESC LIMIT :limit
    ) AS found JOIN tags AS about ON about.run_uuid = found.run_uuid
    ORDER BY found.start_time DESC, found.place DESC"""
#: Newest first, a row per alias; MLflow keeps the rows of deleted versions, and their tags.
_VERSIONS = """
    SELECT versions.version, versions.run_id, versions.current_stage, tags.value, aliases.alias
    FROM model_versions AS versions
        LEFT JOIN model_version_tags AS tags
            ON tags.name = versions.name AND tags.version = versions.version AND tags.key = 'digest'
        LEFT JOIN registered_model_aliases AS aliases
            ON aliases.name = versions.name AND aliases.version = versions.version
    WHERE versions.name = :model ORDER BY versions.version DESC"""
#: What MLflow calls the stage of a version that is deleted.
_DELETED = "Deleted_Internal"


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
    def is_of_default_method(self) -> bool:
        """Whether its toy was taught by the usual method of inference; of others their name is a tag."""
        return "method" not in self.tags

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
    """MLflow's tables: ``mlflow.db`` below a root, or where MLflow's variables say.

    Methods raise sqlite3.Error or SQLAlchemyError where it is no database of MLflow's, or cannot be read.
    """

    def __init__(self, root: Path) -> None:
        self.address = address(root)
        self._link = File(self.address.file) if self.address.file else _server(self.address.uri)

    @property
    def path(self) -> Path:
        """The file that it is, unless a server has it."""
        assert isinstance(self._link, File)
        return self._link.path

    @property
    def server(self) -> Server | None:
        """The server that has it, unless it is a file."""
        return None if isinstance(self._link, File) else self._link

    def __str__(self) -> str:
        return TRACKING if self.server else f"{self.path.name} in {self.path.parent.name}"

    def runs(self, status: str, tag: str, value: str, limit: int = _MANY) -> list[Record]:
        """Runs of the experiment with a status and a tag, newest first."""
        where = "tags.value = :value AND runs.status = :status"
        return self._select(where, tag, limit, value=value, status=status)

    def find(self, run_id: str) -> Record | None:
        """The newest finished run whose id begins so."""
        where = "runs.run_uuid LIKE :run AND runs.status = 'FINISHED'"
        return next(iter(self._select(where, limit=1, run=f"{run_id}%")), None) if run_id else None

    def running(self) -> list[Record]:
        """Runs under way, and those whose process died without a word, newest first."""
        return self._select("runs.status = 'RUNNING'")

    def every(self) -> list[Record]:
        """The runs of all stages, whatever became of them, newest first; none that is deleted."""
        return self._select("TRUE")

    def history(self, run_id: str, metric: str) -> list[tuple[float, float]]:
        """When a metric of a run was logged, seconds since the epoch, and its value; oldest first."""
        query = (
            "SELECT metrics.timestamp, metrics.value FROM metrics"
            " WHERE metrics.run_uuid = :run AND metrics.key = :metric ORDER BY metrics.timestamp, metrics.value"
        )
        found = self._link.rows("metrics", query, run=run_id, metric=metric)
        return [(time / 1000, float(value)) for time, value in found]

    def homes(self) -> dict[str, str]:
        """Where the experiment's artifacts lie by its id, which is the name of the folder of its runs."""
        query = "SELECT experiment_id, artifact_location FROM experiments WHERE name = :name"
        return {str(number): place for number, place in self._link.rows("experiments", query, name=EXPERIMENT)}

    def known(self) -> set[str]:
        """Ids of all runs that are not deleted, of this experiment or another."""
        return {run for (run,) in self._link.rows("runs", "SELECT run_uuid FROM runs WHERE lifecycle_stage = 'active'")}

    def aliased(self) -> set[str]:
        """Ids of runs that a version of a registered model points at, if the version has an alias."""
        query = (
            "SELECT versions.run_id FROM model_versions AS versions JOIN registered_model_aliases AS aliases"
            " ON aliases.name = versions.name AND aliases.version = versions.version WHERE versions.run_id IS NOT NULL"
        )
        return {run for (run,) in self._link.rows("registered_model_aliases", query)}

    def versions(self, model: str) -> list[Version]:
        """All versions of a registered model, newest first, deleted ones too."""
        rows = self._link.rows("model_versions", _VERSIONS, model=model)
        return [
            Version(number, run, stage == _DELETED, digest or "", frozenset(row[-1] for row in alike if row[-1]))
            for (number, run, stage, digest), alike in groupby(rows, lambda row: row[:4])
        ]

    def prepare(self) -> None:
        """Make it ready for MLflow's client."""
        self._link.prepare()

    def rehome(self, experiment_id: str, home: Path) -> None:
        """Point the experiment and its runs at a folder, if the file is the root's own: a clone may move."""
        if self.address.own and isinstance(self._link, File):
            self._link.rehome(experiment_id, home)

    def _select(self, where: str, tag: str = "key", limit: int = _MANY, **values: str) -> list[Record]:
        query = _QUERY.format(order=self._link.order, where=where)
        rows = self._link.rows("tags", query, experiment=EXPERIMENT, tag=tag, limit=limit, **values)
        return [
            Record(run, str(experiment), status, started / 1000, {row[-2]: row[-1] for row in alike})
            for (run, experiment, status, started), alike in groupby(rows, lambda row: row[:4])
        ]


def _server(uri: str) -> Server:
    from stages.store.server import Server  # SQLAlchemy's import costs what those with a file should not pay

    return Server(uri)
