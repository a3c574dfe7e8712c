"""The pages of ``docs/stages/`` say what the configs say, and their commands are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stages.cli import _parser
from stages.closure import PROJECT
from stages.docs import FOLDER, filled, page_of
from stages.plan import STAGES, config_class
from stages.plan import validated as checked

PARTS = ("Reads", "Computes", "Writes", "Run it alone", "What to look at", "Config")
COMMAND = re.compile(r"^python -m (\w+)\.(\w+)(.*)$", re.MULTILINE)


def _text(stage: str) -> str:
    return page_of(stage).read_text(encoding="utf-8")


@pytest.mark.parametrize("stage", STAGES)
def test_a_page_is_as_generated_and_has_all_parts(stage: str) -> None:
    text = _text(stage)
    assert filled(stage, text) == text, "run python -m stages.docs"
    assert text.startswith(f"# {stage}\n")
    assert tuple(re.findall(r"^## (.*)$", text, re.MULTILINE)) == PARTS


@pytest.mark.parametrize("stage", STAGES)
def test_every_field_is_there_with_its_description(stage: str) -> None:
    for name, field in config_class(stage).model_fields.items():
        assert f"| `{name}` |" in _text(stage) and f"| {field.description} |" in _text(stage)


@pytest.mark.parametrize("stage", STAGES)
def test_commands_of_a_page_take_their_options(stage: str) -> None:
    commands = COMMAND.findall(_text(stage))
    assert any((room, name) == ("stages", stage) for room, name, _ in commands)
    for room, name, words in commands:
        if room == "stages":
            given = vars(_parser(name).parse_args(words.split()))
            fields = {field: value for field, value in given.items() if value is not None}
            checked(config_class(name), {f: v for f, v in fields.items() if f in config_class(name).model_fields})
        else:
            assert (PROJECT / room / f"{name}.py").is_file()


def test_the_index_leads_to_every_page_and_nowhere_else() -> None:
    links = re.findall(r"\(([\w.]+\.md)\)", (FOLDER / "README.md").read_text(encoding="utf-8"))
    assert sorted(links) == sorted(f"{stage}.md" for stage in STAGES)
    assert {Path(link) for link in links} | {Path("README.md")} == {p.relative_to(FOLDER) for p in FOLDER.iterdir()}


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match=r"toy_inference\.md: <!-- config -->"):
        filled("toy_inference", _text("toy_inference").replace("<!-- config -->", ""))
