"""Something done every so often, in a thread beside the work, for as long as that takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from threading import Event, Thread


@contextmanager
def heartbeat(beat: Callable[[], object], every: float) -> Iterator[None]:
    """Call ``beat`` every so many seconds until left, with the context variables of the caller.

    It starts at once, does not overlap with itself, and has ended when this is left.
    """
    over = Event()

    def work() -> None:
        beat()
        while not over.wait(every):
            beat()

    # Prefect finds out by context variables which run an artifact belongs to.
    thread = Thread(target=copy_context().run, args=(work,), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
