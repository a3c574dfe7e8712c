"""A person's own reward: arithmetic and nothing else."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envs.errors import UserError
from envs.formula import Formula

NAMES = ("x", "vx")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-abs(vx - 2) / 2", -0.75),
        (" max(x, vx, 1) % 2 ** 2 ", 3.0),
        ("-x + +vx * pi", -3 + math.pi / 2),
        ("tanh(0) + min(x) - sqrt(4) + exp(0) * cos(0) + sin(0)", 2.0),
    ],
)
def test_arithmetic(text: str, value: float) -> None:
    assert Formula(text, NAMES)({"x": 3.0, "vx": 0.5}) == pytest.approx(value)


@pytest.mark.parametrize("text", ["1 / (x - 3)", "sqrt(-x)", "x ** 9 ** 9 ** 9", "exp(x * 999)", "(0 - x) ** 0.5"])
def test_where_there_is_no_number_it_says_so(text: str) -> None:
    assert not math.isfinite(Formula(text, NAMES)({"x": 3.0, "vx": 0.5}))


@pytest.mark.parametrize(
    "text",
    [
        "", "x +", "y", "__import__('os')", "x.real", "x[0]", "(lambda: 1)()", "[1]", "'a'", "1j", "True", "f'{x}'",
        "x if x else 1", "x > 1", "x and vx", "(x := 1)", "abs()", "abs(1, 2)", "abs(x=1)", "max(*x)", "pow(2, 3)",
        "abs", "print(x)", "eval('1')", "~x", "x // 2", "x @ x", "1\n2", "x; vx", "(" * 150, "1" * 201,
    ],
)  # fmt: skip
def test_everything_else_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(UserError, match=r"^formula: ") as error:
        Formula(text, NAMES)
    assert "\n" not in str(error.value) or "\n" in text


@given(st.text(max_size=60))
def test_any_text_is_a_formula_or_refused(text: str) -> None:
    try:
        value = Formula(text, NAMES)({"x": 3.0, "vx": 0.5})
    except UserError:
        return
    assert isinstance(value, float)
