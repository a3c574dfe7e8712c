"""Runs published without computing anything, as quickly as the store can."""

from __future__ import annotations

from collections.abc import Mapping

from stages.keys import Components, key
from stages.store import Store, StoredRun, lineage


def components(stage: str, inputs: Mapping[str, StoredRun], **config: object) -> Components:
    """What would decide the result of a stage."""
    return {
        "schema": 1,
        "stage": stage,
        "config": config,
        "inputs": {name: run.artifact.digest for name, run in inputs.items()},
        "sources": {"stages/one.py": "0"},
        "libraries": {"numpy": "1"},
        "body": {},
    }


def publish(
    store: Store,
    stage: str = "low_level",
    inputs: Mapping[str, StoredRun] | None = None,
    body: str = "cheetah",
    seed: int = 0,
    text: str = "weights",
    **config: object,
) -> StoredRun:
    """A finished run; other config or text, other bytes."""
    inputs = inputs or {}
    parts = components(stage, inputs, seed=seed, **config)
    work = store.work(key(parts))
    (work / "folder").mkdir(parents=True)
    (work / "weights").write_text(f"{text} of {parts}")
    (work / "folder" / "table").write_text("table")
    tags = {"seed": str(seed), "parents": lineage.tag(inputs)} | ({"body": body} if body else {})
    with store.lock(key(parts)), store.begin(key(parts), parts, tags) as writer:
        return writer.publish(work, key(parts), {"loss": 0.5})


def chain(store: Store, steps: int = 3) -> list[StoredRun]:
    """A toy, a low level and a striding that came from both."""
    toy = publish(store, "toy_inference", body="")
    low = publish(store, steps=steps)
    return [toy, low, publish(store, "striding", {"toy_inference": toy, "low_level": low})]
