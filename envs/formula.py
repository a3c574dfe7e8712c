"""Rewards by a person's own formula: arithmetic over named numbers, and nothing else that Python can do."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from envs.errors import UserError

_LONGEST = 200
_BINARY: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: math.pow,
}
_UNARY: Mapping[type[ast.unaryop], Callable[[float], float]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}
#: Functions by name, with how many numbers they take; None for one or more.
_FUNCTIONS: Mapping[str, tuple[Callable[..., Any], int | None]] = {
    "abs": (abs, 1),
    "exp": (math.exp, 1),
    "sqrt": (math.sqrt, 1),
    "sin": (math.sin, 1),
    "cos": (math.cos, 1),
    "tanh": (math.tanh, 1),
    "min": (lambda *values: min(values), None),
    "max": (lambda *values: max(values), None),
}
_CONSTANTS = {"pi": math.pi}


class Formula:
    """An expression over some names; calling it with their values gives a number.

    Args:
        text: such as ``-abs(vx - 2) / 2``.
        names: what may stand in it beside ``pi``.

    Raises:
        UserError: it is no such expression.
    """

    def __init__(self, text: str, names: Sequence[str]) -> None:
        if len(text) > _LONGEST:
            raise UserError(f"formula: longer than {_LONGEST} characters; say it shorter")
        self.text, self._names = text, tuple(names)
        try:
            self._tree = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise UserError(f"formula: {text!r} cannot be read; try -abs({self._names[-1]} - 2) / 2") from error
        self._check(self._tree)

    def __call__(self, values: Mapping[str, float]) -> float:
        """The number; NaN where there is none, as after a division by zero."""
        try:
            return float(self._value(self._tree, {**_CONSTANTS, **values}))
        except (ArithmeticError, ValueError):
            return math.nan

    def _check(self, node: ast.expr) -> None:
        """Refuse whatever is not arithmetic; what is checked here is all that is ever evaluated."""
        match node:
            case ast.Constant(value=bool()):
                raise UserError("formula: write 1 and 0 in place of True and False")
            case ast.Constant(value=int() | float()):
                return
            case ast.Name(id=name) if name in (*self._names, *_CONSTANTS):
                return
            case ast.Name(id=name):
                raise UserError(f"formula: no {name!r}; there are: {', '.join((*self._names, *_CONSTANTS))}")
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
                self._check(left)
                self._check(right)
            case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
                self._check(operand)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
                self._check_call(name, arguments)
            case _:
                allowed = f"+ - * / % **, numbers, and {', '.join(_FUNCTIONS)}"
                raise UserError(f"formula: {ast.unparse(node)[:40]!r} is not allowed; there are {allowed}")

    def _check_call(self, name: str, arguments: list[ast.expr]) -> None:
        takes = _FUNCTIONS[name][1]
        if not arguments or takes not in (None, len(arguments)):
            raise UserError(f"formula: {name} takes {takes or 'one or more'}, {len(arguments)} given")
        for argument in arguments:
            self._check(argument)

    def _value(self, node: ast.expr, values: Mapping[str, float]) -> float:
        match node:
            case ast.Constant(value=int() | float() as value):
                return float(value)
            case ast.Name(id=name):
                return values[name]
            case ast.BinOp(left=left, op=op, right=right):
                return _BINARY[type(op)](self._value(left, values), self._value(right, values))
            case ast.UnaryOp(op=op, operand=operand):
                return _UNARY[type(op)](self._value(operand, values))
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return _FUNCTIONS[name][0](*(self._value(argument, values) for argument in arguments))
        raise AssertionError(f"unchecked: {ast.dump(node)}")
