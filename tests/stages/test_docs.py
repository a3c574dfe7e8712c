"""``docs/stages.md`` says what the configs say."""

from __future__ import annotations

import pytest

from stages.closure import PROJECT
from stages.docs import PAGE, filled
from stages.plan import STAGES, config_class

TEXT = (PROJECT / PAGE).read_text(encoding="utf-8")


def test_the_page_is_as_generated() -> None:
    assert filled(TEXT) == TEXT, "run python -m stages.docs"


@pytest.mark.parametrize("stage", STAGES)
def test_every_field_is_there_with_its_description(stage: str) -> None:
    for name, field in config_class(stage).model_fields.items():
        assert f"| `{name}` |" in TEXT and f"| {field.description} |" in TEXT


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="config toy_inference"):
        filled(TEXT.replace("<!-- config toy_inference -->", ""))
