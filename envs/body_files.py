"""Where body descriptions and their models lie; needs no MuJoCo, so a cache lookup can read them cheaply."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree

from envs.errors import UserError

BODIES = Path(__file__).parent / "bodies"
#: Kinds of tasks that a body can be asked for: velocity and goal, or stand, jump and flip besides.
AskedFor = Literal["basic", "all"]


def body_names() -> list[str]:
    """Names of the bodies that ship."""
    return sorted(path.stem for path in BODIES.glob("*.toml"))


def body_path(name: str) -> Path:
    """The TOML of a shipped body by name, or the path given."""
    path = Path(name) if name.endswith(".toml") else BODIES / f"{name}.toml"
    if not path.is_file():
        raise UserError(f"body: no {name!r}; ship with: {', '.join(body_names())}; or give the path of a .toml")
    return path


def read_toml(path: Path) -> dict[str, Any]:
    """The unchecked content of a body's TOML."""
    try:
        return tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path.name}: not valid TOML: {' '.join(str(error).split())}") from error


def space_name(described: dict[str, Any], asked: AskedFor) -> str:
    """The space of toy coordinates that a body's description and the tasks asked for need."""
    if asked == "all":
        return "posture"
    coordinates = described.get("coordinates", {})
    return "plane" if isinstance(coordinates, dict) and coordinates.get("y") is not None else "line"


def mjcf_path(folder: Path, name: str) -> Path:
    """The MJCF beside the TOML, or gymnasium's own of that name; it need not exist."""
    beside = folder / name
    gymnasium = find_spec("gymnasium")
    if beside.exists() or gymnasium is None or not gymnasium.submodule_search_locations:
        return beside
    return Path(gymnasium.submodule_search_locations[0]) / "envs" / "mujoco" / "assets" / name


def model_files(mjcf: Path) -> Iterator[Path]:
    """An MJCF and every file it names (includes, meshes, textures, height fields), in order of mention."""
    yield mjcf
    try:
        tree = ElementTree.parse(mjcf).getroot()
    except (ElementTree.ParseError, OSError) as error:
        raise UserError(f"mjcf: {mjcf.name} cannot be read: {' '.join(str(error).split())}") from error
    named = (compiler.get(f"{kind}dir") for compiler in tree.iter("compiler") for kind in ("asset", "mesh", "texture"))
    folders = [mjcf.parent, *(mjcf.parent / folder for folder in named if folder)]
    for element in tree.iter():
        name = element.get("file")
        found = next((f / name for f in folders if (f / name).is_file()), None) if name else None
        if found is not None:
            yield from model_files(found) if element.tag == "include" else [found]
