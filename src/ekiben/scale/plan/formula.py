"""Formulas as text that people read and that is evaluated: numbers, names, + - * / and a few functions."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping

from ekiben.errors import ConfigError

# A quotient such as 300 / (1000 / 10) may lie above 3 by rounding alone.
_SLACK = 1e-9
_OPERATORS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
FUNCTIONS: Mapping[str, Callable[..., float]] = {
    "min": min,
    "max": max,
    "sqrt": math.sqrt,
    "ceil": lambda value: math.ceil(value - _SLACK),
    "floor": lambda value: math.floor(value + _SLACK),
}


def names(text: str) -> tuple[str, ...]:
    """Names that a formula takes, in the order of their first use.

    Raises:
        ConfigError: It is no formula.
    """
    tree = _parsed(text)
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called]
    found.sort(key=lambda node: (node.lineno, node.col_offset))
    return tuple(dict.fromkeys(node.id for node in found))


def evaluate(text: str, values: Mapping[str, float]) -> float:
    """Evaluate a formula.

    Args:
        text: E.g. `ceil(1.5 * peak_rate / target_rate) + 1`; functions are those of `FUNCTIONS`.
        values: By name.

    Raises:
        ConfigError: It is no formula, a name has no value, or the result is no finite number.
    """
    try:
        result = float(_value(_parsed(text).body, values))
    except (ZeroDivisionError, OverflowError, ValueError, TypeError) as error:
        raise ConfigError(f"expected a formula with a finite result, found {text!r}: {error}") from error
    if not math.isfinite(result):
        raise ConfigError(f"expected a formula with a finite result, found {text!r} = {result}")
    return result


def _parsed(text: str) -> ast.Expression:
    try:
        return ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ConfigError(f"expected a formula, found {text!r}") from error


def _value(node: ast.expr, values: Mapping[str, float]) -> float:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return number
        case ast.Name(id=name):
            if name not in values:
                raise ConfigError(f"expected a value of {name}, found none")
            return values[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, values)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATORS:
            return _OPERATORS[type(sign)](_value(left, values), _value(right, values))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
            return FUNCTIONS[name](*(_value(each, values) for each in arguments))
    raise ConfigError(f"expected a formula of numbers, names, + - * / and {', '.join(FUNCTIONS)}")
