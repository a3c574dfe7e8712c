"""Where the store's database and artifacts lie: below the root, or where MLflow's own environment variables say."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from envs.errors import UserError

TRACKING, ARTIFACTS = "MLFLOW_TRACKING_URI", "MLFLOW_DEFAULT_ARTIFACT_ROOT"
_SQLITE = "sqlite:///"
#: Whose locks end with a connection: how machines that share a store keep out of each other's way.
_SERVERS = ("postgresql", "mysql")


@dataclass(frozen=True)
class Address:
    """Where a store lies.

    Attributes:
        uri: of the database, as MLflow and SQLAlchemy write it.
        file: the database, if it is an sqlite file.
        own: whether it is the root's own; its artifacts are files below the root then.
        artifacts: where those of another database lie, if that is said; a path or a URI, which the first machine's
            experiment holds on to.
    """

    uri: str
    file: Path | None
    own: bool
    artifacts: str | None


def address(root: Path) -> Address:
    """The address of a root's store; relative paths begin at the root.

    Raises:
        UserError: a variable does not say where a store can lie.
    """
    own, uri, said = root / "mlflow.db", os.environ.get(TRACKING), os.environ.get(ARTIFACTS)
    file = _file(root, uri) if uri else own
    artifacts = said if said and "://" in said else str(root / said) if said else None
    if file != own:
        beside = str(file.parent / "mlruns") if file else None
        return Address(f"{_SQLITE}{file}" if file else str(uri), file, False, artifacts or beside)
    if said:
        words = f"{said}: the store of a folder keeps its files in mlruns; name another database with {TRACKING}"
        raise UserError(f"{ARTIFACTS}: {words}, or unset it")
    return Address(f"{_SQLITE}{own}", own, True, None)


def _file(root: Path, uri: str) -> Path | None:
    name = uri.removeprefix(_SQLITE)
    if name != uri and name not in ("", ":memory:"):
        return root / name
    scheme, colon, _ = uri.partition("://")
    if colon and scheme.partition("+")[0] in _SERVERS:
        return None
    words = "no database that a store can be in; give sqlite:///path/to/mlflow.db, or that of a server"
    raise UserError(f"{TRACKING}: {scheme}: {words}: postgresql://user:password@host/name, mysql+pymysql://...")
