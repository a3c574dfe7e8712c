"""Artifact folders: manifest, verification, publication in one step."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from stages.contract import write_json
from stages.keys import Components, digest, file_digest

MANIFEST, COMPONENTS = "manifest.json", "components.json"


def is_own(name: str) -> bool:
    """Whether a top-level name belongs to the computation (checkpoints), not to the artifact."""
    return name.startswith(".")


def list_files(folder: Path) -> dict[str, dict[str, Any]]:
    """sha256 and size of an artifact's files by name; the records beside them are not part of it."""
    found = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {
        name.as_posix(): {"sha256": file_digest(path), "bytes": path.stat().st_size}
        for name, path in found.items()
        if not is_own(name.parts[0]) and name.as_posix() not in (MANIFEST, COMPONENTS)
    }


def damage(folder: Path, expected: str) -> str | None:
    """What is wrong with an artifact that should have a digest; None if every byte is as published."""
    try:
        recorded = json.loads((folder / MANIFEST).read_text())["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return f"{MANIFEST} is missing or damaged" if folder.is_dir() else "the folder is missing"
    if digest(recorded) != expected:
        return f"{MANIFEST} is damaged"
    found = list_files(folder)
    wrong = next((name for name in sorted({*recorded, *found}) if recorded.get(name) != found.get(name)), None)
    if wrong is None:
        return None
    return f"{wrong} is {'missing' if wrong not in found else 'damaged' if wrong in recorded else 'foreign'}"


def publish(work: Path, folder: Path, parts: Components) -> str:
    """Make a finished working folder the artifact in ``folder``, in one rename; returns its digest."""
    files = list_files(work)
    write_json(work / MANIFEST, {"files": files})
    write_json(work / COMPONENTS, parts)
    aside = folder.with_name(".aside")
    aside.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(aside, ignore_errors=True)
    shutil.move(work, aside)
    for path in list(aside.iterdir()):
        if is_own(path.name):
            remove(path)
    for path in [*aside.rglob("*"), aside]:
        _sync(path)
    aside.replace(folder)
    _sync(folder.parent)
    return digest(files)


def discard(folder: Path) -> None:
    """Remove what an unfinished publication left."""
    for path in (folder, folder.with_name(".aside")):
        shutil.rmtree(path, ignore_errors=True)


def clear(work: Path, everything: bool) -> None:
    """An empty working folder, or one with nothing but the checkpoints of an earlier attempt."""
    work.mkdir(parents=True, exist_ok=True)
    for path in list(work.iterdir()):
        if everything or not is_own(path.name):
            remove(path)


def remove(path: Path) -> None:
    """Remove a file or a folder that may be there."""
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
