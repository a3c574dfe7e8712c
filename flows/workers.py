"""Who computes the stages of a sweep: processes of this machine, or workers of a Dask or Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import import_module
from typing import Any

from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

#: How each kind is told how many workers it has where it starts them itself; Dask's are threads beside the flow, as all
#: they do is watch a stage's process.
_LOCAL: dict[str, Callable[[int], dict[str, Any]]] = {
    "dask": lambda many: {
        "cluster_kwargs": {"n_workers": many, "threads_per_worker": 1, "processes": False, "dashboard_address": ":0"},
    },
    "ray": lambda many: {"init_kwargs": {"num_cpus": many, "include_dashboard": False}},
}


@contextmanager
def workers(asked: str, at_once: int) -> Iterator[TaskRunner[Any]]:
    """What runs the tasks, as long as it lives.

    Args:
        asked: ``processes``, ``dask``, ``ray``, or one of these two with the address of a cluster: ``dask=ADDRESS``.
        at_once: stages at a time, where no address is given.
    """
    kind, _, address = asked.partition("=")
    if kind not in _LOCAL:
        with ThreadPoolTaskRunner(max_workers=at_once) as pool:  # each of its stages is a process
            yield pool
        return
    runner = getattr(import_module(f"prefect_{kind}"), f"{kind.capitalize()}TaskRunner")
    with _unwatched(kind), runner(address=address) if address else runner(**_LOCAL[kind](at_once)) as pool:
        yield pool


def _unwatched(kind: str) -> AbstractContextManager[object]:
    """Dask's workers without the profiler that looks a hundred times a second at what they do and that nobody reads."""
    settings = {"distributed.worker.profile.enabled": False}
    return import_module("dask").config.set(settings) if kind == "dask" else nullcontext()
