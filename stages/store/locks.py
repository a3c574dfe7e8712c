"""Locks of computations, by key: the kernel, or a server that holds the database, frees them when their owner dies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from envs.errors import UserError
from stages.store.address import TRACKING

if TYPE_CHECKING:
    from stages.store.server import Server

#: Taken by what moves whole runs.
_HOUSEKEEPING = "housekeeping"
#: Taken while the database is created, while a run's inputs are listed, and while a model is registered.
DATABASE, INPUTS, REGISTRY = "store", "inputs", "registry"


class Lock:
    """A key's lock: a file's among the processes of a machine and, where there is one, a server's among machines."""

    def __init__(self, key: str, file: Path, server: Server | None) -> None:
        self._key, self._file, self._server = key, FileLock(file), server
        self._taken = ExitStack()

    def acquire(self, timeout: float = -1.0, poll_interval: float = 0.05) -> ExitStack:
        """Take it, until the context ends that is returned.

        Args:
            timeout: seconds to wait for each of the two, for ever if negative.
            poll_interval: seconds between two attempts.

        Raises:
            Timeout: another one has it.
        """
        with ExitStack() as taken:
            taken.enter_context(self._file.acquire(timeout=timeout, poll_interval=poll_interval))
            if self._server:
                taken.enter_context(self._server.lock(self._key, timeout, poll_interval))
            return taken.pop_all()

    def __enter__(self) -> Lock:
        self._taken = self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self._taken.close()


class Locks:
    """Lock files in a folder. Methods raise OSError where it cannot be written.

    Args:
        server: that holds the database, if one does.
    """

    def __init__(self, folder: Path, server: Server | None = None) -> None:
        self.folder, self.server = folder, server

    def of(self, key: str) -> Lock:
        """The lock of a key, not taken yet."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return Lock(key, self.folder / f"{key}.lock", self.server)

    def here(self, name: str) -> Lock:
        """A lock among the processes of this machine, whatever others do."""
        return Locks(self.folder).of(name)

    def confirm(self, key: str) -> None:
        """See that a lock which was taken has not been lost.

        Raises:
            UserError: the server had to let go of it; another machine may compute the key by now.
        """
        if self.server and not self.server.holds(key):
            words = "the connection that kept others from this computation has been lost"
            raise UserError(f"{TRACKING}: {words}; run again, it goes on from its last checkpoint")

    def is_free(self, key: str) -> bool:
        """Whether nobody holds a key's lock."""
        try:
            with self.of(key).acquire(timeout=0):
                return True
        except Timeout:
            return False

    def held(self, suspects: Iterable[str] = ()) -> set[str]:
        """Keys that are being computed: of those that were here once, and of others."""
        keys = {path.stem for path in self.folder.glob("*.lock")} - {_HOUSEKEEPING, DATABASE, INPUTS, REGISTRY}
        return {key for key in keys.union(suspects) if not self.is_free(key)}

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
