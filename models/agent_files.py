"""The files of an agent: a folder of safetensors, JSON, TOML and MJCF with its index, or the same in one file.

``agent.json`` names every file with its sha256 and what the agent was made from. A packed agent is a zip without
compression, times or owners: equal agents are equal bytes.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from envs.body_files import AskedFor
from envs.errors import UserError

INDEX, CARD = "agent.json", "CARD.md"
#: Folders of an agent's parts.
BODY, TOY, CONTROLLER, DECIDER = "body", "toy", "controller", "decider"
#: A file or index larger than this is none of an agent's.
_MOST_BYTES, _MOST_FILES = 1 << 28, 1000
_EPOCH = (1980, 1, 1, 0, 0, 0)

_Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Origin(_Strict):
    """A stored run: what decided it, and what came out."""

    stage: str
    key: _Hash
    digest: _Hash


class FileRecord(_Strict):
    """A file's content, by digest and size."""

    sha256: _Hash
    bytes: int = Field(ge=0)


class About(_Strict):
    """What an agent is, as its index says.

    Attributes:
        origin: the evaluation that measured it.
        parents: the runs that it is made of, by input name.
        format: 3 had other networks where the policy was retrained, and the same where it was reused.
    """

    format: Literal[3, 4] = 4
    body: str
    route: Literal["reuse", "retrain"]
    tasks: AskedFor
    seed: int
    profile: str
    origin: Origin
    parents: dict[str, Origin]

    @property
    def name(self) -> str:
        """Body, kinds of tasks if all, and route: ``cheetah-reuse``."""
        return "-".join([self.body, *(["all"] if self.tasks == "all" else []), self.route])


class _Index(_Strict):
    about: About
    files: dict[str, FileRecord]
    sha256: _Hash


def seal(folder: Path, about: About) -> None:
    """Write the index of a folder that holds all other files of an agent."""
    files = {name: _record(folder / name) for name in _names(folder) if name != INDEX}
    content = {"about": about.model_dump(mode="json"), "files": files}
    index = content | {"sha256": _digest(content)}
    (folder / INDEX).write_text(json.dumps(index, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def index_digest(folder: Path) -> str:
    """sha256 of a sealed folder's index, so of every byte of the agent."""
    return _read_index(folder, folder.name).sha256


def pack(folder: Path, out: Path) -> None:
    """Write a sealed folder as one file, in one step.

    Raises:
        UserError: the place cannot be written.
    """
    part = out.with_name(f"{out.name}.part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as target:
            for name in [INDEX, *(name for name in _names(folder) if name != INDEX)]:
                entry = zipfile.ZipInfo(name, _EPOCH)
                entry.create_system, entry.external_attr = 3, 0o644 << 16
                target.writestr(entry, (folder / name).read_bytes())
        part.replace(out)
    except OSError as error:
        raise UserError(f"--out: {out}: {error.strerror or error}; choose another place") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


@contextmanager
def opened(path: Path) -> Iterator[tuple[Path, About]]:
    """A folder with the files of an agent, all verified, and what it is; that of a packed agent lasts as long as this.

    Raises:
        UserError: there is no such file, or it is damaged, or no agent.
    """
    if path.is_dir():
        yield path, _verified(path, path.name)
    elif path.is_file():
        with TemporaryDirectory(prefix="agent-") as name:
            folder = Path(name)
            _unpack(path, folder)
            yield folder, _verified(folder, path.name)
    else:
        raise UserError(f"agent: no file or folder {path}; `python -m stages.agent` writes one from the store")


def damaged(name: str, what: object) -> UserError:
    """The one line about an agent that cannot be used."""
    return UserError(f"{name}: {' '.join(str(what).split())[:200]}; damaged, or no agent: get or write it again")


def _unpack(path: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(path) as source:
            entries = source.infolist()
            if len(entries) > _MOST_FILES:
                raise damaged(path.name, f"{len(entries)} files")
            for entry in entries:
                _extract(source, entry, folder, path.name)
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        if isinstance(error, UserError):
            raise
        raise damaged(path.name, "not a packed agent") from error


def _extract(source: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path, told: str) -> None:
    if not _is_plain(entry.filename) or entry.compress_type != zipfile.ZIP_STORED or entry.file_size > _MOST_BYTES:
        raise damaged(told, f"{entry.filename!r} is no file of an agent")
    place = folder / entry.filename
    place.parent.mkdir(parents=True, exist_ok=True)
    with source.open(entry) as content, place.open("xb") as target:
        shutil.copyfileobj(content, target)


def _is_plain(name: str) -> bool:
    """Whether a name leads to a place inside the folder, and is spelt in the one way."""
    path = PurePosixPath(name)
    return name == str(path) and not path.is_absolute() and name.isprintable() and not {"..", "."} & set(path.parts)


def _verified(folder: Path, told: str) -> About:
    """What the index says, every file being as it says."""
    index = _read_index(folder, told)
    for name, record in index.files.items():
        path = folder / name
        if not _is_plain(name) or not path.is_file():
            raise damaged(told, f"{name} is missing")
        if _record(path) != record.model_dump():
            raise damaged(told, f"{name} is not as it was written")
    return index.about


def _read_index(folder: Path, told: str) -> _Index:
    content = _read_content(folder, told)
    try:
        index = _Index.model_validate(content)
    except ValidationError as error:
        raise damaged(told, f"{INDEX} cannot be read") from error
    if _digest({name: content[name] for name in ("about", "files")}) != index.sha256:
        raise damaged(told, f"{INDEX} is not as it was written")
    return index


def _read_content(folder: Path, told: str) -> Any:
    try:
        content = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except OSError as error:
        raise damaged(told, f"no {INDEX} in it") from error
    except (ValueError, RecursionError) as error:
        raise damaged(told, f"{INDEX} cannot be read") from error
    match content:
        case {"about": {"format": 1 | 2}} | {"about": {"format": 3, "route": "retrain"}}:
            raise UserError(f"{told}: of an older version, with other networks; train and write it again")
        case _:
            return content


def _names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _record(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {"sha256": hashlib.file_digest(file, "sha256").hexdigest(), "bytes": path.stat().st_size}


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
