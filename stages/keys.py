"""The key of a computation: everything that decides its result, by content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from envs.body_files import body_path, mjcf_path, model_files, read_toml
from stages.closure import closure
from stages.contract import StageConfig

#: Raise when artifacts of old keys must not be used any more.
SCHEMA = 1

Components = dict[str, Any]


def canonical(value: Any) -> Any:
    """Equal values as one value: 1.0 is 1, a tuple a list, keys sorted."""
    if isinstance(value, Mapping):
        return {str(name): canonical(value[name]) for name in sorted(value, key=str)}
    if isinstance(value, list | tuple):
        return [canonical(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def canonical_json(value: Any) -> str:
    """One text per value, whatever its key order and number spelling."""
    return json.dumps(canonical(value), sort_keys=True, separators=(",", ":"))


def digest(value: Any) -> str:
    """sha256 of a value's canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def components(stage: str, config: StageConfig, inputs: Mapping[str, str]) -> Components:
    """What decides the result of a stage; ``inputs`` are digests of the consumed artifacts by name."""
    fields = config.model_dump(mode="json")
    body = fields.pop("body", None)
    source = closure(f"stages.{stage}")
    return {
        "schema": SCHEMA,
        "stage": stage,
        "config": canonical(fields),
        "inputs": dict(sorted(inputs.items())),
        "sources": source.sources,
        "libraries": source.libraries,
        "body": body_digests(body) if body else {},
    }


def body_digests(name: str) -> dict[str, str]:
    """A body by content: its TOML without comments, and its MJCF with every file that it names.

    The recipes of its TOML count where they are read: in the configs of their stages.
    """
    path = body_path(name)
    toml = read_toml(path)
    found = {"toml": digest({section: said for section, said in toml.items() if section != "training"})}
    mjcf = mjcf_path(path.parent, str(toml.get("mjcf", "")))
    if mjcf.is_file():
        found["mjcf"] = digest([file_digest(file) for file in model_files(mjcf)])
    return found


def key(parts: Components) -> str:
    """sha256 over the components."""
    return digest(parts)
