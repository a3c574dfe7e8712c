"""Locks of computations, by key: files that the kernel frees when their owner dies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from envs.errors import UserError

#: Taken by what moves whole runs.
_HOUSEKEEPING = "housekeeping"
#: Taken while the database is created, while a run's inputs are listed, and while a model is registered.
DATABASE, INPUTS, REGISTRY = "store", "inputs", "registry"


class Locks:
    """Lock files in a folder. Methods raise OSError where it cannot be written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def of(self, key: str) -> FileLock:
        """The lock of a key, not taken yet."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return FileLock(self.folder / f"{key}.lock")

    def is_free(self, key: str) -> bool:
        """Whether nobody holds a key's lock."""
        try:
            with self.of(key).acquire(timeout=0):
                return True
        except Timeout:
            return False

    def held(self) -> set[str]:
        """Keys that are being computed."""
        keys = {path.stem for path in self.folder.glob("*.lock")} - {_HOUSEKEEPING, DATABASE, INPUTS, REGISTRY}
        return {key for key in keys if not self.is_free(key)}

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Only one process at a time brings runs in from elsewhere, or clears them away.

        Raises:
            UserError: another one does.
        """
        try:
            lock = self.of(_HOUSEKEEPING).acquire(timeout=0)
        except Timeout as error:
            raise UserError("store: a gc or an import is under way; try again when it has ended") from error
        with lock:
            yield
