"""One value against its column: the rules themselves, said once and slowly.

The quick ways (`numeric`, `mixed`, `table`) accept only what these rules accept
and give what these rules give; what they are not sure of is decided here.
"""

from __future__ import annotations

import math
from typing import Any

from ekiben.serving.problem import Reason
from ekiben.serving.schema import Input, InputType

LARGEST = 1.7976931348623157e308  # the largest float64

# An int64 among float64 rows must be one that float64 tells from its neighbours.
# Source: RFC 7493 (I-JSON), section 2.2: integers that are interoperable
EXACT_INTEGERS = range(-(2**53) + 1, 2**53)
INT64 = range(-(2**63), 2**63)

KINDS: dict[InputType, frozenset[type]] = {
    "float64": frozenset({float, int}),
    "int64": frozenset({int}),
    "bool": frozenset({bool}),
    "string": frozenset({str}),
}


class MisfitError(Exception):
    """A value that does not fit its column.

    Attributes:
        reason: Why, as counted in the metrics.
        wording: What was expected.
    """

    def __init__(self, reason: Reason, wording: str) -> None:
        super().__init__(wording)
        self.reason: Reason = reason
        self.wording = wording


def integers_of(numeric: bool) -> range:
    """Integers that an int64 column takes, in rows of float64 or in rows of objects."""
    return EXACT_INTEGERS if numeric else INT64


def fitted(declared: Input, value: Any, integers: range) -> Any:
    """Give the value as the estimator gets it.

    Args:
        declared: The value's column.
        value: What JSON or a tensor gave: None, bool, int, float, str, or anything else.
        integers: Integers that an int64 column takes.

    Returns:
        A float for `float64` (an integer rounded to the nearest, ties to even, as every decimal numeral is),
        an int, a bool or a str for the other types; NaN or the declared default for a missing value.

    Raises:
        MisfitError: It does not fit.
    """
    kind = type(value)
    if value is None or (kind is float and math.isnan(value) and declared.type == "float64"):
        return _missing(declared, value)
    if kind not in KINDS[declared.type]:
        raise MisfitError("type", _expected(declared.type, integers))
    if declared.type == "string":
        if declared.categories is not None and value not in declared.categories:
            raise MisfitError("category", "expected one of the categories of the schema")
        return value
    if declared.type == "float64":
        value = _number(value)
    elif declared.type == "int64" and value not in integers:
        raise MisfitError("type", _expected("int64", integers))
    if declared.on_out_of_range == "refuse":
        _check_range(declared, value)
    return value


def outside(declared: Input, value: float) -> bool:
    """Whether a number lies outside its column's range; NaN does not."""
    return (declared.minimum is not None and value < declared.minimum) or (
        declared.maximum is not None and value > declared.maximum
    )


def _missing(declared: Input, value: Any) -> Any:
    if declared.missing == "nan":
        return math.nan
    if declared.missing == "value":
        return declared.default
    if value is None:
        raise MisfitError("missing", "expected a value: a missing one is refused here")
    raise MisfitError("not_finite", "expected a number that float64 can hold")


def _expected(kind: InputType, integers: range) -> str:
    if kind == "int64":
        return f"expected an integer from {integers[0]} to {integers[-1]}"
    return {"float64": "expected a number", "bool": "expected true or false", "string": "expected a string"}[
        kind
    ]


def _number(value: float) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise MisfitError("not_finite", "expected a number that float64 can hold")
    return number


def _check_range(declared: Input, value: float) -> None:
    if declared.minimum is not None and value < declared.minimum:
        raise MisfitError("range", f"expected at least {declared.minimum}")
    if declared.maximum is not None and value > declared.maximum:
        raise MisfitError("range", f"expected at most {declared.maximum}")
