"""Edits of a copy of the project: which stages they make anew, and that the explanation names the edit."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from envs import body_files
from stages import closure
from stages.changes import differences
from stages.keys import Components, components, key
from stages.plan import STAGES, Node, Settings, configure, parents

_ROUTED = {"evaluation": Node("evaluation", "reuse")}
_NODES = {stage: _ROUTED.get(stage, Node(stage)) for stage in STAGES}
_SETTINGS = Settings()

ALL = frozenset(STAGES)
BODY = frozenset({"low_level", "striding", "high_level", "evaluation", "cheetah_vel"})
DECIDING = frozenset({"striding", "high_level", "evaluation"})
#: The page of figures shows the body, too.
DESCRIBED = BODY | {"plots"}
PRACTISING = frozenset({"low_level", "cheetah_vel"})
NONE: frozenset[str] = frozenset()

Keys = dict[str, Components]


def _components(
    settings: Settings = _SETTINGS, inputs: dict[str, str] | None = None, stages: Iterable[str] = STAGES
) -> Keys:
    """Of stages, their inputs having digests of their own."""
    found = {}
    for stage in stages:
        node = _NODES[stage]
        digests = {name: f"digest of {name}" for name in parents(node, settings)} | (inputs or {})
        used = {name: digests[name] for name in parents(node, settings)}
        found[stage] = components(stage, configure(node, settings), used)
    return found


def _changed(before: Keys, after: Keys) -> frozenset[str]:
    return frozenset(stage for stage in after if key(before[stage]) != key(after[stage]))


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project's sources; keys are made of it."""
    for room in closure.ROOMS:
        shutil.copytree(closure.PROJECT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(closure, "PROJECT", tmp_path)
    monkeypatch.setattr(body_files, "BODIES", tmp_path / "envs" / "bodies")
    return tmp_path


@dataclass(frozen=True)
class Edit:
    """``old`` becomes ``new`` in a file, which changes the keys of the ``expected`` stages."""

    what: str
    file: str
    old: str
    new: str
    expected: frozenset[str]
    named: str = ""

    def __str__(self) -> str:
        return self.what


EDITS = [
    Edit(
        "body of a stage's function",
        "stages/striding.py",
        "write_curve(out, rows)",
        "write_curve(out, rows[1:])",
        frozenset({"striding"}),
    ),
    Edit(
        "code that both routes learn by",
        "stages/strides.py",
        "range(begun, rounds)",
        "range(1)",
        frozenset({"striding", "high_level"}),
    ),
    Edit("helper in the same module", "stages/skill.py", "_FALLS_WEIGH * row", "2 * row", PRACTISING),
    Edit("helper two imports away", "envs/heading.py", "return c * x - s * y", "return c * x + s * y", BODY),
    Edit("helper three imports away", "envs/servo.py", "2.0 * self.damping", "3.0 * self.damping", BODY),
    Edit("law of the toy", "envs/toy.py", "def ", "OTHER = 1\n\n\ndef ", frozenset({"toy_inference"})),
    Edit("constant of a module", "envs/commands.py", "_APPROACH = 2.0", "_APPROACH = 2.5", BODY),
    Edit("constant that every stage shares", "envs/tasks.py", "TOY_STEP = 0.1", "TOY_STEP = 0.2", ALL),
    Edit("default argument", "envs/stepper.py", "threads: int | None = None", "threads: int | None = 1", BODY),
    Edit(
        "code that several stages share", "stages/decisions.py", "WORST_REWARD = -2.0", "WORST_REWARD = -3.0", DECIDING
    ),
    Edit(
        "default of a config",
        "stages/configs/high_level.py",
        "clip: float",
        "clipped: float",
        frozenset({"high_level"}),
    ),
    Edit("network of one route", "models/deciders.py", "LONGEST_STRIDE = 20", "LONGEST_STRIDE = 21", DECIDING),
    Edit("figure of the report", "vis/plot_strides.py", "def ", "OTHER = 1\n\n\ndef ", frozenset({"plots"})),
    Edit("new import", "stages/vec_env.py", "import numpy as np\n", "import numpy as np\nimport scipy\n", PRACTISING),
    Edit("package above a module", "stages/__init__.py", "", "OTHER = 1\n", ALL),
    Edit("gear of a motor", "cheetah.xml", 'gear="120"', 'gear="121"', DESCRIBED, named="body's mjcf"),
    Edit("mass of a link", "cheetah.xml", 'settotalmass="14"', 'settotalmass="15"', DESCRIBED, named="body's mjcf"),
    Edit(
        "timestep of a body",
        "envs/bodies/cheetah.toml",
        "timestep = 0.01",
        "timestep = 0.005",
        DESCRIBED,
        named="body's toml",
    ),
    Edit(
        "frame skip of a body",
        "envs/bodies/cheetah.toml",
        "frame_skip = 5",
        "frame_skip = 4",
        DESCRIBED,
        named="body's toml",
    ),
    Edit(
        "range of a body's tasks",
        "envs/bodies/cheetah.toml",
        "[0.2, 10.0]",
        "[0.2, 11.0]",
        DESCRIBED,
        named="body's toml",
    ),
    Edit(
        "recipe of a body for one stage",
        "envs/bodies/cheetah.toml",
        "tumbled = 0.5",
        "tumbled = 0.6",
        frozenset({"low_level"}),
        named="tumbled 0.5 -> 0.6",
    ),
    Edit("comment", "envs/commands.py", "#: Speed asked for", "#: What speed is asked for", NONE),
    Edit("docstring", "envs/tasks.py", '"""', '"""Well, ', NONE),
    Edit(
        "no docstring",
        "stages/vec_env.py",
        '"""Commanded bodies as the one vectorised environment that Stable-Baselines3 sees."""',
        "",
        NONE,
    ),
    Edit("formatting", "envs/commands.py", "_APPROACH = 2.0", "_APPROACH = (\n    2.0\n)", NONE),
    Edit("description of a field", "stages/configs/striding.py", "decisions of each body", "so many decisions", NONE),
    Edit("decorator's argument of a flow", "flows/transfer.py", "persist_result=False", "persist_result=True", NONE),
    Edit("runner", "stages/runner.py", "_POLL = 0.2", "_POLL = 0.3", NONE),
    Edit("store", "stages/store/writer.py", 'METRICS = "metrics.json"', 'METRICS = "numbers.json"', NONE),
    Edit("command line", "stages/low_level.py", 'main("low_level")', 'main("low_level", None)', NONE),
    Edit("body nobody asked for", "envs/bodies/ant.toml", "frame_skip = 5", "frame_skip = 6", NONE),
    Edit("comment in a body's file", "envs/bodies/cheetah.toml", "# m and m/s", "# metres", NONE),
    Edit("spelling of a number", "envs/bodies/cheetah.toml", "goal = 3.0 ", "goal = 3 ", NONE),
    Edit(
        "import for types alone",
        "stages/skill.py",
        "import CheetahVelConfig",
        "import CheetahVelConfig as Other",
        NONE,
    ),
]


def _own_model(copy: Path) -> None:
    """Put gymnasium's model beside the cheetah's file, where it can be edited."""
    bodies = copy / "envs" / "bodies"
    shutil.copy(body_files.mjcf_path(bodies, "half_cheetah.xml"), bodies / "cheetah.xml")
    toml = bodies / "cheetah.toml"
    toml.write_text(toml.read_text().replace("half_cheetah.xml", "cheetah.xml"))


@pytest.mark.parametrize("edit", EDITS, ids=str)
def test_an_edit_changes_the_keys_that_it_has_to(copy: Path, edit: Edit) -> None:
    _own_model(copy)
    before = _components()
    path = copy / edit.file if "/" in edit.file else copy / "envs" / "bodies" / edit.file
    text = path.read_text()
    assert edit.old in text
    path.write_text(text.replace(edit.old, edit.new, 1) if edit.old else edit.new + text)
    after = _components()
    assert _changed(before, after) == edit.expected
    for stage in edit.expected:
        assert any((edit.named or edit.file) in words for words in differences(before[stage], after[stage]))
    path.write_text(text)
    assert _components() == before, "what is taken back must find what was stored"


@pytest.mark.parametrize(
    ("what", "told", "expected", "named"),
    [
        ("seed", {"seed": 1}, ALL, "seed 0 -> 1"),
        ("field of a stage", {"overrides": {"evaluation": {"seeds": 6}}}, {"evaluation"}, "seeds 5 -> 6"),
        ("field, spelt otherwise", {"overrides": {"evaluation": {"seeds": 5.0}}}, NONE, ""),
        ("default, said", {"overrides": {"striding": {"replay": 40_000}}}, NONE, ""),
        ("body", {"body": "walker"}, DESCRIBED - {"cheetah_vel"}, "body's toml"),
        ("kinds of tasks", {"tasks": "all"}, BODY | {"toy_inference", "comparison"}, "tasks basic -> all"),
    ],
)
def test_a_setting_changes_the_keys_of_the_stages_that_read_it(
    copy: Path, what: str, told: dict[str, object], expected: frozenset[str], named: str
) -> None:
    settings = Settings.model_validate(told)
    stages = [stage for stage in STAGES if settings.body == "cheetah" or stage != "cheetah_vel"]
    before, after = _components(), _components(settings, stages=stages)
    assert _changed(before, after) == expected
    for stage in expected & BODY:
        assert any(named in words for words in differences(before[stage], after[stage]))


def test_one_bit_of_an_input_counts_downstream(copy: Path) -> None:
    before, after = _components(), _components(inputs={"low_level": "digest of another low_level"})
    assert _changed(before, after) == {"striding", "high_level", "evaluation", "plots", "cheetah_vel"}
    assert "input low_level changed" in differences(before["striding"], after["striding"])


@pytest.mark.parametrize(
    ("library", "expected"), [("mujoco", BODY), ("stable_baselines3", PRACTISING), ("torch", BODY | {"toy_inference"})]
)
def test_a_library_counts_where_it_is_used(
    copy: Path, monkeypatch: pytest.MonkeyPatch, library: str, expected: frozenset[str]
) -> None:
    before, version = _components(), closure._version
    monkeypatch.setattr(closure, "_version", lambda name: "0.0" if name == library else version(name))
    after = _components()
    assert _changed(before, after) == expected
    for stage in expected:
        assert any(f"library {library}" in words for words in differences(before[stage], after[stage]))


def _touch(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in copy.rglob("*.py"):
        os.utime(path, (1, 1))


def _machine(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")


def _environment(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_NUM_THREADS", "CARRYOVER_ROOT", "PREFECT_LOGGING_LEVEL", "MLFLOW_TRACKING_URI", "PYTHONHASHSEED"):
        monkeypatch.setenv(name, "7")


def _moved(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = copy.rename(copy.with_name("moved"))
    monkeypatch.setattr(closure, "PROJECT", there)
    monkeypatch.setattr(body_files, "BODIES", there / "envs" / "bodies")


def _more_files(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stages/new.py", "models/new.py", "README.md"):
        (copy / name).write_text("")


@pytest.mark.parametrize("deed", [_touch, _machine, _environment, _moved, _more_files])
def test_what_is_around_the_project_does_not_count(
    copy: Path, monkeypatch: pytest.MonkeyPatch, deed: Callable[[Path, pytest.MonkeyPatch], None]
) -> None:
    before = _components()
    deed(copy, monkeypatch)
    assert _changed(before, _components()) == NONE


def test_the_path_by_which_a_body_is_named_does_not_count(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _own_model(copy)
    bodies = copy / "envs" / "bodies"
    monkeypatch.chdir(bodies)
    named = [
        _components(Settings(body=body), stages=["low_level"])["low_level"]
        for body in ("cheetah", "cheetah.toml", str(bodies / "cheetah.toml"))
    ]
    assert len({key(parts) for parts in named}) == 1


def test_equal_text_in_two_stages_is_two_keys(copy: Path) -> None:
    shutil.copy(copy / "stages" / "striding.py", copy / "stages" / "evaluation.py")
    config = configure(_NODES["striding"], _SETTINGS)
    assert key(components("striding", config, {})) != key(components("evaluation", config, {}))
