"""What each room may import, read from the syntax trees."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from stages.closure import PROJECT, ROOMS, closure

FORBIDDEN = {
    "envs": {"torch", "prefect", "mlflow", "stable_baselines3", "models", "stages", "flows", "vis"},
    "models": {"prefect", "mlflow", "stages", "flows", "vis"},
    "stages": {"prefect", "flows"},
    "flows": {"torch", "mujoco", "stable_baselines3", "mlflow", "models", "vis"},
    "vis": {"torch", "prefect", "mlflow", "stable_baselines3", "models", "flows"},
}
FILES = sorted(path for room in ROOMS for path in (PROJECT / room).rglob("*.py"))


def _name(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


def _imports(path: Path) -> set[str]:
    """Dotted names that a file imports anywhere, guarded or not."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_room_keeps_to_its_imports(path: Path) -> None:
    tops = {name.split(".")[0] for name in _imports(path)}
    forbidden = FORBIDDEN[path.relative_to(PROJECT).parts[0]]
    assert not tops & forbidden


@pytest.mark.parametrize("path", [path for path in FILES if path.parent.name == "stages"], ids=_name)
def test_only_the_store_knows_mlflow_and_only_pages_the_figures(path: Path) -> None:
    tops = {name.split(".")[0] for name in _imports(path)}
    assert "mlflow" not in tops or path.name in ("store.py", "writer.py", "run_inputs.py")
    assert "vis" not in tops or path.name in ("plots.py", "comparison.py")


def test_flows_reach_no_simulator_and_no_learner() -> None:
    """What a flow's process loads for itself: the stages run in children."""
    for path in (PROJECT / "flows").glob("*.py"):
        libraries = set(closure(f"flows.{path.stem}").libraries)
        assert not libraries & {"mujoco", "stable_baselines3"}, path.name


def test_only_plan_and_child_import_by_name() -> None:
    """An import by name is invisible to the source closure."""
    hashed = [path for path in FILES if path.parts[-2] in ("envs", "models", "stages")]
    users = {_name(path) for path in hashed if "import_module" in path.read_text()}
    assert users <= {"stages/plan.py", "stages/execute.py"}
