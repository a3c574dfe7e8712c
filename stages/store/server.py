"""MLflow's tracking database on a server, and the locks that it holds for the machines that share it.

A lock belongs to a connection: the server frees it when its owner dies, as the kernel frees that of a file.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from hashlib import sha256
from typing import Any

from filelock import Timeout
from sqlalchemy import Connection, Engine, create_engine, inspect, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from envs.errors import UserError
from stages.store.address import TRACKING

#: Seconds to wait for a server that does not answer.
_PATIENCE = 10
#: Per kind of server: what keeps a silent connection, and notices a machine that went without a word; how a lock is
#: taken, and given back.
_LOCKS = {
    "postgresql": (
        "SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10; SET tcp_keepalives_count = 3",
        "SELECT pg_try_advisory_lock(CAST(:name AS bigint))",
        "SELECT pg_advisory_unlock(CAST(:name AS bigint))",
    ),
    "mysql": (
        "SET SESSION wait_timeout = 1000000",
        "SELECT GET_LOCK(CONCAT('carryover ', :name), 0)",
        "SELECT RELEASE_LOCK(CONCAT('carryover ', :name))",
    ),
}


class Server:
    """A database on a server. Methods raise SQLAlchemyError where it does not answer."""

    #: Tells runs of one millisecond apart, in no order that means anything.
    order = "runs.run_uuid"

    def __init__(self, uri: str) -> None:
        self._engine = _engine(uri)
        self._there: set[str] = set()
        self._held: dict[str, Connection] = {}

    def rows(self, table: str, query: str, **values: str | int) -> list[tuple[Any, ...]]:
        """What a query finds; nothing where its table is not there yet."""
        with self._engine.connect() as connection:
            if table not in self._there and not inspect(connection).has_table(table):
                return []
            self._there.add(table)
            return [tuple(row) for row in connection.execute(text(query), values)]

    def prepare(self) -> None:
        """See that it answers: MLflow's own client would ask for minutes."""
        self._engine.connect().close()

    @contextmanager
    def lock(self, name: str, timeout: float, poll: float) -> Iterator[None]:
        """Hold a lock of that name, which no other machine has then.

        Args:
            timeout: seconds to wait for it, for ever if negative.
            poll: seconds between two attempts.

        Raises:
            Timeout: another one has it.
        """
        keep, take, give = (text(words) for words in _LOCKS[self._engine.dialect.name])
        about, until = {"name": self._number(name)}, time.monotonic() + timeout
        with closing(self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")) as connection:
            connection.detach()  # from the pool: whatever becomes of it, the lock goes with the connection
            connection.execute(keep)
            while not connection.scalar(take, about):
                if 0 <= timeout <= timeout + time.monotonic() - until:
                    raise Timeout(name)
                time.sleep(poll)
            self._held[name] = connection
            try:
                yield
            finally:
                del self._held[name]
                with suppress(SQLAlchemyError):
                    connection.execute(give, about)

    def holds(self, name: str) -> bool:
        """Whether the connection that a lock belongs to is still there."""
        try:
            return name in self._held and self._held[name].scalar(text("SELECT 1")) == 1
        except SQLAlchemyError:
            return False

    def _number(self, name: str) -> int:
        """A lock's number, of 64 bits with a sign; some servers count them for all their databases together."""
        about = f"carryover {self._engine.url.database} {name}"
        return int.from_bytes(sha256(about.encode()).digest()[:8], signed=True)


def _engine(uri: str) -> Engine:
    try:
        return create_engine(uri, pool_pre_ping=True, connect_args={"connect_timeout": _PATIENCE})
    except ModuleNotFoundError as error:
        advice = "pip install -e '.[server]' -c constraints.txt"
        raise UserError(f"{TRACKING}: its driver {error.name} is not installed; {advice}") from error
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise UserError(f"{TRACKING}: {error}; give postgresql://user:password@host:port/name") from error
