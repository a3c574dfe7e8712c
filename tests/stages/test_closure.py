"""The source closure changes with what can change a result, and with nothing else."""

from __future__ import annotations

import ast
import time
from pathlib import Path

import pytest

from stages.closure import PROJECT, Closure, closure, parse

FILES = {
    "envs/__init__.py": "",
    "envs/law.py": "import numpy as np\n\nGAIN = 5.0\n\n\ndef step(v, a=1.0):\n    return v + GAIN * a\n",
    "models/near.py": (
        '"""Near."""\nfrom typing import TYPE_CHECKING\n\nfrom envs import law\n\n'
        'if TYPE_CHECKING:\n    import vis.typed\n\n\ndef near(x):\n    """Doc."""\n    return law.step(x)\n'
    ),
    "stages/__init__.py": "",
    "stages/one.py": (
        "from pydantic import Field\n\nfrom models.near import near\n\n\nclass Config:\n    # A comment.\n"
        '    steps: int = Field(3, description="steps")\n\n\ndef run(x):\n    from stages import late\n'
        '    return near(x) + late.late()\n\n\nif __name__ == "__main__":\n    from stages import command\n'
    ),
    "stages/late.py": "from . import sibling\n\n\ndef late():\n    return sibling.S\n",
    "stages/sibling.py": "S = 1\n",
    "stages/command.py": "C = 1\n",
    "vis/typed.py": "T = 1\n",
}


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def _edited(sources: Path, name: str, old: str, new: str) -> tuple[Closure, Closure]:
    before = closure("stages.one", sources)
    text = (sources / name).read_text()
    assert old in text
    (sources / name).write_text(text.replace(old, new))
    return before, closure("stages.one", sources)


def test_follows_imports_of_every_style(sources: Path) -> None:
    found = closure("stages.one", sources)
    assert set(found.sources) == set(FILES) - {"stages/command.py", "vis/typed.py"}
    assert set(found.libraries) == {"numpy"}


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("stages/one.py", "+ late", "- late"),
        ("stages/one.py", "Field(3,", "Field(4,"),
        ("models/near.py", "law.step(x)", "law.step(x, 2.0)"),
        ("envs/law.py", "GAIN = 5.0", "GAIN = 5.1"),
        ("envs/law.py", "a=1.0", "a=2.0"),
        ("stages/sibling.py", "S = 1", "S = 2"),
        ("stages/__init__.py", "", "import os\n"),
    ],
)
def test_code_anywhere_in_the_closure_counts(sources: Path, name: str, old: str, new: str) -> None:
    before, after = _edited(sources, name, old, new)
    changed = {file for file in after.sources if before.sources[file] != after.sources[file]}
    assert changed == {name}


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("stages/one.py", "# A comment.", "# Another one."),
        ("stages/one.py", 'description="steps"', 'description="steps to take"'),
        ("models/near.py", '"""Doc."""', '"""Other words."""'),
        ("models/near.py", '    """Doc."""\n', ""),
        ("models/near.py", "law.step(x)", "law.step( x )"),
        ("envs/law.py", "\n\n\ndef", "\n\ndef"),
        ("stages/command.py", "C = 1", "C = 2"),
        ("stages/one.py", "import command", "import sibling"),
        ("vis/typed.py", "T = 1", "T = 2"),
    ],
)
def test_what_cannot_change_a_result_does_not_count(sources: Path, name: str, old: str, new: str) -> None:
    before, after = _edited(sources, name, old, new)
    assert before == after


def test_module_gone_or_new_counts(sources: Path) -> None:
    before = closure("stages.one", sources)
    (sources / "stages" / "sibling.py").unlink()
    assert set(before.sources) - set(closure("stages.one", sources).sources) == {"stages/sibling.py"}


def test_libraries_have_installed_versions() -> None:
    libraries = closure("stages.low_level").libraries
    assert {"torch", "stable_baselines3", "mujoco", "numpy"} <= set(libraries)
    assert "not installed" not in libraries.values()
    assert not {"pydantic", "mlflow", "filelock"} & set(libraries)


def test_every_stage_is_fast() -> None:
    stages = [path.stem for path in (PROJECT / "stages" / "configs").glob("[a-z]*.py")]
    sources = [path.read_bytes() for room in ("envs", "models", "stages") for path in (PROJECT / room).rglob("*.py")]
    times = [time.process_time()]
    for source in sources:
        ast.parse(source)
    times.append(time.process_time())
    for stage in stages:
        closure(f"stages.{stage}")
    times.append(time.process_time())
    assert times[2] - times[1] < 15 * (times[1] - times[0]), "keys must cost little more than to read the sources"


def test_a_parse_that_another_thread_disturbed_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "one.py"
    path.write_text("a = 1\n")
    disturbed, whole = iter([True, True, False]), ast.parse

    def once_in_a_while(source: bytes, name: str) -> ast.AST:
        if next(disturbed):
            raise SystemError("AST constructor recursion depth mismatch (before=102, after=95)")
        return whole(source, name)

    monkeypatch.setattr(ast, "parse", once_in_a_while)
    parsed = parse(path)
    monkeypatch.undo()
    path.write_text("a = 1  # the same\n")
    assert parse(path).digest == parsed.digest
