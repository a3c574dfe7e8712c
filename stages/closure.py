"""The source closure of a stage: every project file it imports, by syntax tree, and the libraries these use."""

from __future__ import annotations

import ast
import hashlib
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

#: Parent of the ``stages`` package: the repository.
PROJECT = Path(__file__).resolve().parent.parent
ROOMS = ("envs", "models", "stages", "flows", "vis")
#: Libraries that check, keep or show results and do not decide them.
_BYSTANDERS = frozenset({"pydantic", "mlflow", "filelock", "rich"})
#: Distributions whose name is not their import's. Others are found too, but to ask all that is installed takes long.
_NAMED_OTHERWISE = {"PIL": "pillow", "sklearn": "scikit-learn"}
#: Python 3.11 miscounts its recursion depth when two threads build syntax trees at once.
_PARSING = threading.Lock()
_TRIES = 10


@dataclass(frozen=True)
class Closure:
    """What a module's results depend on besides its arguments.

    Attributes:
        sources: digest of the syntax tree by file, relative to the project.
        libraries: installed version by top-level import.
    """

    sources: dict[str, str]
    libraries: dict[str, str]


def closure(module: str, project: Path | None = None) -> Closure:
    """Follow the imports of a dotted module through the project.

    Imports count wherever they stand, but not under ``if __name__ == "__main__"`` or ``if TYPE_CHECKING``.
    """
    project = project or PROJECT
    sources: dict[str, str] = {}
    libraries: set[str] = set()
    pending = [module]
    seen: set[str] = set()
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        if name.split(".")[0] not in ROOMS:
            libraries.add(name.split(".")[0])
            continue
        for path in _files(project, name):
            parsed = parse(path)
            sources[path.relative_to(project).as_posix()] = parsed.digest
            pending += _absolute(parsed.imports, path.relative_to(project))
    libraries -= sys.stdlib_module_names | _BYSTANDERS
    return Closure(dict(sorted(sources.items())), {name: _version(name) for name in sorted(libraries)})


@dataclass(frozen=True)
class Parsed:
    """A source file without what cannot change results; imports as (level, dotted name)."""

    digest: str
    imports: frozenset[tuple[int, str]]


def parse(path: Path) -> Parsed:
    """Digest and imports of a file; read again only when it changed."""
    status = path.stat()
    with _PARSING:
        return _parse(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=1024)
def _parse(path: Path, _modified: int, _size: int) -> Parsed:
    tree = _Essence().visit(_tree(path))
    digest = hashlib.sha256(ast.dump(tree).encode()).hexdigest()
    return Parsed(digest, frozenset(_imports(tree)))


def _tree(path: Path) -> ast.AST:
    for _ in range(_TRIES):
        with suppress(SystemError):  # another library's thread, as a Dask worker has them, built a tree meanwhile
            return ast.parse(path.read_bytes(), path.name)
    return ast.parse(path.read_bytes(), path.name)


class _Essence(ast.NodeTransformer):
    """Drops docstrings, field descriptions and code that no importing module executes."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [*_without_docstring(node.body)] or [ast.Pass()]
        return node

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        if ast.unparse(node.test) not in ("__name__ == '__main__'", "TYPE_CHECKING", "typing.TYPE_CHECKING"):
            return self.generic_visit(node)
        return [self.visit(statement) for statement in node.orelse]

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id == "Field":
            node.keywords = [keyword for keyword in node.keywords if keyword.arg != "description"]
        return self.generic_visit(node)


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    match body:
        case [ast.Expr(value=ast.Constant(value=str())), *rest]:
            return rest
    return body


def _imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            yield node.level, base
            # A name may be a submodule: `from envs import body`.
            yield from ((node.level, f"{base}.{alias.name}".strip(".")) for alias in node.names)


def _absolute(imports: frozenset[tuple[int, str]], path: Path) -> Iterator[str]:
    for level, name in imports:
        package = path.parts[:-1] if level <= 1 else path.parts[:-level]
        yield ".".join((*package, *filter(None, [name]))) if level else name


def _files(project: Path, module: str) -> Iterator[Path]:
    """The module's file and the ``__init__`` of every package above it; nothing where it names no module."""
    parts = module.split(".")
    for depth in range(1, len(parts) + 1):
        stem = project.joinpath(*parts[:depth])
        yield from (path for path in (stem / "__init__.py", stem.with_suffix(".py")) if path.is_file())


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        known = _NAMED_OTHERWISE.get(library)
        names = [known] if known else _distributions().get(library, [])
        return " ".join(sorted(f"{name} {version(name)}" for name in set(names))) or "not installed"


@lru_cache(maxsize=1)
def _distributions() -> dict[str, list[str]]:
    return {name: list(owners) for name, owners in packages_distributions().items()}
