"""Formulas that people read and that are evaluated."""

from __future__ import annotations

import pytest

from ekiben.errors import ConfigError
from ekiben.scale.plan import formula


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3 - 8 / 4", 5),
        ("-(2 - 5) * x", 6),
        ("ceil(x / 3) + floor(x / 3)", 1),
        ("ceil(300 / (1000 / 10 * 3))", 1),
        ("floor(0.1 * 3 * 10)", 3),  # 0.1 * 3 is above, 2.9999999999999996 would be below
        ("floor(29 * 0.1 * 10)", 29),
        ("max(1, min(x, 5), sqrt(9))", 3),
    ],
)
def test_arithmetic_is_as_usual(text: str, value: float) -> None:
    """Precedence, signs, and rounding that forgives the last digit of floating point."""
    assert formula.evaluate(text, {"x": 2}) == value


def test_names_come_in_the_order_of_their_use() -> None:
    """Each once, functions left out."""
    assert formula.names("max(b, a + min(b, c)) * ceil(a)") == ("b", "a", "c")


@pytest.mark.parametrize(
    "text",
    [
        "", "1 +", "x.real", "x[0]", "(lambda: 1)()", "__import__('os')", "'a'", "True", "x ** 2", "x < 1",
        "max(1, key=x)", "open(1)", "x if x else 1", "1 / 0", "sqrt(-1)", "1e308 * 10", "missing", "max()",
        "(" * 500 + "1" + ")" * 500,
    ],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    """No attribute, call, condition or text; no result that is no finite number; no unknown name."""
    with pytest.raises(ConfigError, match="expected"):
        formula.evaluate(text, {"x": 2})
