"""One value against its column: the rules themselves, said once and slowly.

The quick ways (`numeric`, `mixed`, `table`) accept only what these rules accept
and give what these rules give; what they are not sure of is decided here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ekiben.serving.problem import Reason
from ekiben.serving.schema import Input, InputType, Precision, Schema

# Largest finite numbers. Source: IEEE 754-2019, table 3.5, binary64 and binary32
LARGEST: dict[Precision, float] = {"float64": 1.7976931348623157e308, "float32": 3.4028234663852886e38}

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


@dataclass(frozen=True, slots=True)
class Limits:
    """What all columns of a schema have in common.

    Attributes:
        integers: Integers that an `int64` column takes.
        largest: Largest magnitude that a `float64` column takes.
        precision: The type whose largest number that is.
    """

    integers: range
    largest: float
    precision: Precision


def limits(schema: Schema) -> Limits:
    """Limits of a schema's rows, which are of float64 or of objects."""
    return Limits(EXACT_INTEGERS if schema.numeric else INT64, LARGEST[schema.precision], schema.precision)


def accepted(declared: Input, common: Limits) -> tuple[float, float]:
    """Least and greatest number that a column accepts."""
    least, greatest = -common.largest, common.largest
    if declared.type == "int64":
        least, greatest = common.integers[0], common.integers[-1]
    if declared.on_out_of_range == "refuse":
        least = least if declared.minimum is None else max(least, declared.minimum)
        greatest = greatest if declared.maximum is None else min(greatest, declared.maximum)
    return least, greatest


def fitted(declared: Input, value: Any, common: Limits) -> Any:
    """Give the value as the estimator gets it.

    Args:
        declared: The value's column.
        value: What JSON or a tensor gave: None, bool, int, float, str, or anything else.
        common: Limits of the schema's rows.

    Returns:
        A float for `float64` (an integer rounded to the nearest, ties to even, as every decimal numeral is),
        an int, a bool or a str for the other types; NaN or the declared default for a missing value.

    Raises:
        MisfitError: It does not fit.
    """
    kind = type(value)
    if value is None or (kind is float and math.isnan(value) and declared.type == "float64"):
        return _missing(declared, value, common)
    if kind not in KINDS[declared.type]:
        raise MisfitError("type", _expected(declared.type, common))
    if declared.type == "string":
        if declared.categories is not None and value not in declared.categories:
            raise MisfitError("category", "expected one of the categories of the schema")
        return value
    if declared.type == "float64":
        value = _number(value, common)
    elif declared.type == "int64" and value not in common.integers:
        raise MisfitError("type", _expected("int64", common))
    if declared.on_out_of_range == "refuse":
        _check_range(declared, value)
    return value


def outside(declared: Input, value: float) -> bool:
    """Whether a number lies outside its column's range; NaN does not."""
    return (declared.minimum is not None and value < declared.minimum) or (
        declared.maximum is not None and value > declared.maximum
    )


def _missing(declared: Input, value: Any, common: Limits) -> Any:
    if declared.missing == "nan":
        return math.nan
    if declared.missing == "value":
        return declared.default
    if value is None:
        raise MisfitError("missing", "expected a value: a missing one is refused here")
    raise MisfitError("not_finite", f"expected a number that {common.precision} can hold")


def _expected(kind: InputType, common: Limits) -> str:
    if kind == "int64":
        return f"expected an integer from {common.integers[0]} to {common.integers[-1]}"
    return {"float64": "expected a number", "bool": "expected true or false", "string": "expected a string"}[
        kind
    ]


def _number(value: float, common: Limits) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not abs(number) <= common.largest:
        raise MisfitError("not_finite", f"expected a number that {common.precision} can hold")
    return number


def _check_range(declared: Input, value: float) -> None:
    if declared.minimum is not None and value < declared.minimum:
        raise MisfitError("range", f"expected at least {declared.minimum}")
    if declared.maximum is not None and value > declared.maximum:
        raise MisfitError("range", f"expected at most {declared.maximum}")
