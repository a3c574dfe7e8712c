"""Who computes the stages of a sweep: processes of this machine, or workers of a Dask or Ray cluster."""

from __future__ import annotations

from collections.abc import Callable
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


def workers(asked: str, at_once: int) -> TaskRunner[Any]:
    """What runs the tasks; to be entered, and left when they have ended.

    Args:
        asked: ``processes``, ``dask``, ``ray``, or one of these two with the address of a cluster: ``dask=ADDRESS``.
        at_once: stages at a time, where no address is given.
    """
    kind, _, address = asked.partition("=")
    if kind not in _LOCAL:
        return ThreadPoolTaskRunner(max_workers=at_once)  # each of its stages is a process
    runner = getattr(import_module(f"prefect_{kind}"), f"{kind.capitalize()}TaskRunner")
    return runner(address=address) if address else runner(**_LOCAL[kind](at_once))
