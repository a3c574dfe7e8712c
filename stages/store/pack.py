"""Packs: runs with all that they came from, in one file that is read as strictly as it is written.

A pack is an uncompressed tar of plain files: an index of the runs, parents first, then the folder of each by its key.
Equal runs are equal bytes: names are sorted, and no time, owner or run id is written.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, BinaryIO, Literal

from pydantic import BaseModel, ConfigDict, Field

from envs.errors import UserError
from stages.keys import Components, digest
from stages.plan import validated
from stages.store.artifacts import COMPONENTS, MANIFEST, damage, is_own
from stages.store.writer import METRICS

INDEX = "carryover.json"
#: Bytes of a JSON document, of a file, and of all files; and how many files.
_DOCUMENT, _FILE, _ALL, _COUNT = 1 << 24, (1 << 33) - 1, 1 << 36, 100_000
_CHUNK = 1 << 20

_Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Label = Annotated[str, Field(min_length=1, max_length=500)]
#: Of a config field or a metric, as MLflow takes them.
_Name = Annotated[str, Field(pattern=r"^[\w. /:-]{1,200}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class PackedRun(_Strict):
    """What a pack says of a run beside its files.

    Attributes:
        seconds: how long it took to compute.
        parents: keys of the runs that it consumed, by input name.
    """

    stage: _Name
    key: _Hash
    digest: _Hash
    seconds: Annotated[float, Field(ge=0)]
    tags: dict[Literal["body", "route", "seed", "profile"], _Label]
    parents: dict[_Label, _Hash]


class _Index(_Strict):
    format: Literal[1]
    runs: Annotated[list[PackedRun], Field(min_length=1, max_length=10_000)]
    sha256: _Hash


class _Components(_Strict):
    number: int = Field(alias="schema")
    stage: _Name
    config: Annotated[dict[_Name, Any], Field(max_length=100)]
    inputs: dict[_Label, _Hash]
    sources: dict[str, str]
    libraries: dict[str, str]
    body: dict[str, str]


class _File(_Strict):
    sha256: _Hash
    bytes: int


class _Manifest(_Strict):
    files: dict[str, _File]


class _Metrics(_Strict):
    metrics: Annotated[dict[_Name, float | None], Field(max_length=1000)]


def write(out: Path, runs: Sequence[tuple[PackedRun, Path]]) -> None:
    """Pack runs, parents first, with their folders, in one step.

    Raises:
        UserError: the place cannot be written.
    """
    part = out.with_name(f"{out.name}.part")
    try:
        with part.open("wb") as target, tarfile.open(fileobj=target, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            index = _index([run for run, _ in runs])
            _add(tar, INDEX, len(index), io.BytesIO(index))
            for name, path in sorted(_files(runs)):
                with path.open("rb") as content:
                    _add(tar, name, path.stat().st_size, content)
        part.replace(out)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UserError(f"--out: {out}: {reason}; choose another place") from error
    finally:
        part.unlink(missing_ok=True)


def unpack(file: Path, folder: Path) -> list[PackedRun]:
    """Unpack into an empty folder, a folder per key, and check every byte; the runs, parents first.

    Raises:
        UserError: the file is missing, damaged, or not what ``write`` writes.
        OSError: the folder cannot be written.
    """
    if not file.is_file():
        raise UserError(f"{file}: no such file; give one that `export` wrote")
    with _refusing(file), file.open("rb") as source:
        members = _members(source, file.stat().st_size)
        runs = _runs(source, next(members, ("", 0)))
        _extract(source, members, folder, {run.key for run in runs})
        for run in runs:
            _check(folder / run.key, run, {each.key: each.digest for each in runs})
    return runs


def components(folder: Path) -> Components:
    """What decided the result of a run, as its folder records it."""
    return _document(folder / COMPONENTS)


def _index(runs: Sequence[PackedRun]) -> bytes:
    shown = [run.model_dump(mode="json") for run in runs]
    index = {"format": 1, "runs": shown, "sha256": digest(shown)}
    return json.dumps(index, indent=1, sort_keys=True).encode()


def _files(runs: Sequence[tuple[PackedRun, Path]]) -> Iterator[tuple[str, Path]]:
    for run, folder in runs:
        files = ((path.relative_to(folder), path) for path in folder.rglob("*") if path.is_file())
        yield from ((f"{run.key}/{name.as_posix()}", path) for name, path in files if not is_own(name.parts[0]))


def _add(tar: tarfile.TarFile, name: str, size: int, content: BinaryIO) -> None:
    about = tarfile.TarInfo(name)
    about.size = size
    tar.addfile(about, content)


@contextmanager
def _refusing(file: Path) -> Iterator[None]:
    try:
        yield
    except UserError as error:
        line = " ".join(str(error).split())[:300]
        raise UserError(f"{file.name}: {line}; nothing was imported, export it again") from error
    except (ValueError, RecursionError, tarfile.TarError) as error:
        raise UserError(f"{file.name}: damaged, or no pack; nothing was imported, export it again") from error


def _members(source: BinaryIO, total: int) -> Iterator[tuple[str, int]]:
    """Names and sizes of the files; the bytes of each are to be read before the next is asked for."""
    left = min(total, _ALL)
    for _ in range(_COUNT):
        block = source.read(tarfile.BLOCKSIZE)
        if block == bytes(tarfile.BLOCKSIZE):
            return _pass_zeros(source, tarfile.RECORDSIZE)
        about = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
        if about.type != tarfile.REGTYPE:
            raise UserError(f"{about.name!r} is no plain file")
        if not 0 <= about.size <= min(_FILE, left):
            raise UserError(f"{about.name!r} is larger than it may be, or cut off")
        left -= about.size
        yield about.name, about.size
        _pass_zeros(source, -about.size % tarfile.BLOCKSIZE)
    raise UserError(f"more than {_COUNT} files")


def _pass_zeros(source: BinaryIO, count: int) -> None:
    if any(source.read(count)):
        raise UserError("it holds more than its files")


def _runs(source: BinaryIO, first: tuple[str, int]) -> list[PackedRun]:
    name, size = first
    if name != INDEX or size > _DOCUMENT:
        raise UserError(f"{INDEX} does not come first, or is too large")
    read = json.loads(source.read(size))
    index = validated(_Index, read, f"{INDEX}: ")
    if digest(read["runs"]) != index.sha256:
        raise UserError(f"{INDEX} is damaged")
    known: set[str] = set()
    for run in index.runs:
        if run.key in known or not known.issuperset(run.parents.values()):
            raise UserError(f"{INDEX}: {run.stage} {run.key[:8]} is there twice, or before its parents")
        known.add(run.key)
    return index.runs


def _extract(source: BinaryIO, members: Iterator[tuple[str, int]], folder: Path, keys: Collection[str]) -> None:
    for name, size in members:
        path = PurePosixPath(name)
        plain = name == str(path) and name.isprintable() and "\\" not in name
        if not plain or path.parts[0] not in keys or any(part.startswith(".") for part in path.parts):
            raise UserError(f"{name!r} is no name of a run's file")
        place = folder / path
        if place.exists() or any(parent.is_file() for parent in place.parents):
            raise UserError(f"{name!r} is there twice")
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("xb") as target:
            while size:
                chunk = source.read(min(size, _CHUNK))
                if not chunk:
                    raise UserError(f"{name!r} is cut off")
                size -= target.write(chunk)


def _check(folder: Path, run: PackedRun, digests: dict[str, str]) -> None:
    """Every file against the manifest, that against the run's digest, and the key against what it is made of."""
    parts, name = components(folder), f"{run.stage} {run.key[:8]}: "
    validated(_Components, parts, f"{name}{COMPONENTS}: ")
    validated(_Manifest, _document(folder / MANIFEST), f"{name}{MANIFEST}: ")
    validated(_Metrics, {"metrics": _document(folder / METRICS)}, f"{name}{METRICS}: ")
    if wrong := damage(folder, run.digest, run.key):
        raise UserError(name + wrong)
    if parts["stage"] != run.stage:
        raise UserError(f"{name}the stage is not that of its {COMPONENTS}")
    if parts["inputs"] != {name: digests[parent] for name, parent in run.parents.items()}:
        raise UserError(f"{name}its parents are not those of its {COMPONENTS}")


def _document(path: Path) -> Any:
    if not path.is_file() or path.stat().st_size > _DOCUMENT:
        raise UserError(f"{path.parent.name[:8]}: {path.name} is missing or too large")
    return json.loads(path.read_bytes())
