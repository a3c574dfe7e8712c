"""Artifact folders: manifest, verification, publication in one step."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from envs.errors import UserError
from stages.contract import write_json
from stages.keys import Components, digest, file_digest
from stages.store.weights import unfit

MANIFEST, COMPONENTS = "manifest.json", "components.json"


def is_own(name: str) -> bool:
    """Whether a top-level name belongs to the computation (checkpoints), not to the artifact."""
    return name.startswith(".")


def list_files(folder: Path) -> dict[str, dict[str, Any]]:
    """sha256 and size of an artifact's files by name; the records beside them are not part of it."""
    return {name: {"sha256": file_digest(path), "bytes": path.stat().st_size} for name, path in _files(folder).items()}


def all_files(folder: Path) -> dict[str, Path]:
    """An artifact's files by name, and the records beside them."""
    return _files(folder) | {name: folder / name for name in (MANIFEST, COMPONENTS)}


def damage(folder: Path, expected: str, key: str) -> str | None:
    """What is wrong with the artifact of a key that should have a digest; None if every byte is as published."""
    try:
        recorded = json.loads((folder / MANIFEST).read_text())["files"]
        described = digest(json.loads((folder / COMPONENTS).read_text()))
    except (OSError, ValueError, KeyError, TypeError):
        return f"{MANIFEST} or {COMPONENTS} is missing or damaged" if folder.is_dir() else "the folder is missing"
    if digest(recorded) != expected:
        return f"{MANIFEST} is damaged"
    if described != key:
        return f"{COMPONENTS} is damaged"
    found = _files(folder)
    wrong = (_wrong(name, found.get(name), recorded.get(name)) for name in sorted({*recorded, *found}))
    return next(filter(None, wrong), None)


def _files(folder: Path) -> dict[str, Path]:
    """Files of an artifact by name; a link is none: what it leads to could change."""
    found = {path.relative_to(folder): path for path in sorted(folder.rglob("*"))}
    return {
        name.as_posix(): path
        for name, path in found.items()
        if path.is_file()
        and not path.is_symlink()
        and not is_own(name.parts[0])
        and name.as_posix() not in (MANIFEST, COMPONENTS)
    }


def _wrong(name: str, path: Path | None, record: Mapping[str, Any] | None) -> str | None:
    if path is None or record is None:
        return f"{name} is {'foreign' if path else 'missing'}"
    # Its size first: what has grown to no end is not read.
    if path.stat().st_size != record["bytes"] or file_digest(path) != record["sha256"]:
        return f"{name} is damaged"
    return unfit(path)


def seal(work: Path, parts: Components) -> str:
    """Write the records of a finished working folder; returns its digest.

    Raises:
        UserError: its weights are not fit to be served.
    """
    if wrong := next(filter(None, map(unfit, _files(work).values())), None):
        raise UserError(f"{parts['stage']}: {wrong}: its training went astray; choose another seed or learning rate")
    files = list_files(work)
    write_json(work / MANIFEST, {"files": files})
    write_json(work / COMPONENTS, parts)
    return digest(files)


def publish(work: Path, folder: Path) -> None:
    """Make a sealed working folder the artifact in ``folder``, in one rename."""
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


def place(fetched: Path, folder: Path) -> None:
    """Put a fetched artifact in the place of what is there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    remove(folder)
    fetched.replace(folder)


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
