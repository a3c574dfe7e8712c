"""Why a stage is computed again: what differs from the nearest stored run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from stages.keys import Components
from stages.store import Store

_SAID = 4


def why(store: Store, parts: Components) -> str:
    """One line: how these components differ from those of the nearest stored run of the stage."""
    return reason(store.components(parts["stage"]), parts)


def reason(stored: Iterable[Components], parts: Components) -> str:
    """One line: how components differ from the nearest of those of other runs of the stage."""
    found = [differences(old, parts) for old in stored]
    if not found:
        return f"no {parts['stage']} is stored yet"
    nearest = min(found, key=len)
    more = [f"and {len(nearest) - _SAID} more"] if len(nearest) > _SAID else []
    return ", ".join(nearest[:_SAID] + more) or "the stored run was put aside"


def differences(old: Components, new: Components) -> list[str]:
    """What changed, in words: config field, input, source file, library, body."""
    words: list[str] = []
    for group in ("schema", "config", "inputs", "sources", "libraries", "body"):
        before, after = _entries(old.get(group)), _entries(new.get(group))
        for name in sorted({*before, *after}):
            if before.get(name) != after.get(name):
                words.append(_words(group, name, before.get(name), after.get(name)))
    return words


def _entries(group: Any) -> dict[str, Any]:
    return group if isinstance(group, dict) else {"": group}


def _words(group: str, name: str, before: Any, after: Any) -> str:
    if group in ("config", "libraries", "schema"):
        label = {"config": name, "libraries": f"library {name}", "schema": "schema"}[group]
        return f"{label} {before} -> {after}"
    label = {"inputs": f"input {name}", "sources": name, "body": f"body's {name}"}[group]
    return f"{label} {'is new' if before is None else 'is gone' if after is None else 'changed'}"
