"""Artifacts that lie elsewhere, in object storage or a folder that machines share: MLflow's own clients carry them.

What is read is fetched once and then lies below the root, where it is verified whenever it is read.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path, PurePosixPath
from threading import RLock
from typing import TYPE_CHECKING

from envs.errors import UserError
from stages.store.address import ARTIFACTS
from stages.store.database import EXPERIMENT, Database

if TYPE_CHECKING:
    from mlflow.store.artifact.artifact_repo import ArtifactRepository

#: MLflow's modules import each other in a circle; two threads that begin at once would see half of them.
IMPORTING = RLock()
#: Errors of S3's client, which is imported only where it is used.
_S3 = (
    ("boto3.exceptions", "Boto3Error"),
    ("botocore.exceptions", "BotoCoreError"),
    ("botocore.exceptions", "ClientError"),
)


class Elsewhere:
    """The artifacts of a database's experiment. Methods raise UserError, in one line, where they cannot be reached."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def choose(self) -> str:
        """Where an experiment that is not there yet will have them; of a folder, it is created.

        Raises:
            UserError: nobody has said it.
        """
        root = self._database.address.artifacts
        if root is None:
            words = f"not set, and the database has no experiment {EXPERIMENT!r} yet"
            raise UserError(f"{ARTIFACTS}: {words}; give s3://bucket/prefix, or a folder that all machines share")
        place = f"{root.rstrip('/')}/{EXPERIMENT}"
        if folder := _folder(place):
            folder.mkdir(parents=True, exist_ok=True)
        return place

    @cached_property
    def location(self) -> str:
        """Where they lie: where the machine that came first put them."""
        (found,) = self._database.homes().values()
        chosen = self._database.address.artifacts
        if chosen and not found.removeprefix("file://").startswith(chosen.removeprefix("file://")):
            raise UserError(f"{ARTIFACTS}: {chosen}: this database's artifacts lie at {found}; say that, or unset it")
        return found

    def upload(self, run_id: str, files: Mapping[str, Path]) -> None:
        """Bring files of a run there, by name."""
        with self._repository(run_id) as repository:
            for name, path in files.items():
                folder = PurePosixPath(name).parent.as_posix()
                repository.log_artifact(str(path), None if folder == "." else folder)

    def download(self, run_id: str, folder: Path) -> None:
        """Fetch the files of a run, those that are there, into an empty folder."""
        with self._repository(run_id) as repository:
            repository.download_artifacts("", str(folder))

    def erase(self, run_id: str) -> None:
        """Remove the files of a run."""
        with self._repository(run_id) as repository:
            repository.delete_artifacts()

    @contextmanager
    def _repository(self, run_id: str) -> Iterator[ArtifactRepository]:
        with IMPORTING:
            from mlflow.exceptions import MlflowException
            from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
        try:
            self._see_folder()
            yield get_artifact_repository(f"{self.location}/{run_id}/artifacts")
        except ModuleNotFoundError as error:
            advice = "pip install -e '.[server]' -c constraints.txt"
            raise UserError(f"{ARTIFACTS}: {self.location} needs {error.name}; {advice}") from error
        except (MlflowException, *_refusals()) as error:
            line = " ".join(str(error).split())[:300]
            advice = "see that place, MLFLOW_S3_ENDPOINT_URL and credentials are right"
            raise UserError(f"{ARTIFACTS}: {self.location}: {line}; {advice}") from error

    def _see_folder(self) -> None:
        """What is not mounted must not pass for empty."""
        folder = _folder(self.location)
        if folder and not folder.is_dir():
            raise UserError(f"{ARTIFACTS}: {folder}: no such folder; mount it, or create it")


def _folder(place: str) -> Path | None:
    """The folder that artifacts lie in, unless that is no folder."""
    name = place.removeprefix("file://")
    return Path(name) if name.startswith("/") else None


def _refusals() -> tuple[type[Exception], ...]:
    return tuple(getattr(sys.modules[module], name) for module, name in _S3 if module in sys.modules)
