from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from ekiben.serving.problem import RefusedError
from ekiben.serving.schema import Input, Output, Schema
from ekiben.serving.validation import Validator

REGRESSION = Output("regression")
INPUTS = (
    Input("counted", "float64", minimum=0, maximum=1, on_out_of_range="count"),
    Input("gap", "float64", maximum=9, missing="nan"),
    Input("filled", "float64", missing="value", default=0.25),
    Input("whole", "int64", missing="value", default=-1),
)
NUMBERS = Schema(INPUTS, REGRESSION)
MIXED = Schema((*INPUTS, Input("word", "string", missing="value", default="none")), REGRESSION)
BOTH = pytest.mark.parametrize("schema", [NUMBERS, MIXED])


def rows(schema: Schema, *instances: list[Any]) -> Any:
    """Rows of instances; those of the mixed schema end with a word."""
    full = [[*row, "w"] if schema is MIXED and len(row) == len(INPUTS) else row for row in instances]
    return Validator(schema, 10).rows(full, "")


@BOTH
@pytest.mark.parametrize("count", [1, 3])
def test_missing_values_follow_their_policy(schema: Schema, count: int) -> None:
    """Null becomes NaN or the declared default, column by column, for one row and for more."""
    found = rows(schema, *[[0.5, None, None, None]] * count)
    assert [[float(value) for value in row[2:4]] for row in found] == [[0.25, -1.0]] * count
    assert all(math.isnan(row[1]) for row in found)
    assert found.dtype == (object if schema is MIXED else np.float64)


def test_a_missing_word_is_its_default() -> None:
    """Strings have defaults too; NUL and an empty string are values."""
    found = rows(MIXED, [0, 1, 2, 3, None], [0, 1, 2, 3, "a\0"], [0, 1, 2, 3, ""])
    assert found[:, 4].tolist() == ["none", "a\0", ""]


@BOTH
def test_a_missing_value_without_policy_is_refused(schema: Schema) -> None:
    """Null has a reason of its own; a field that is left out is not a missing value."""
    with pytest.raises(RefusedError) as caught:
        rows(schema, [0.5, None, None, None], [None, 1, 1, 1])
    assert (caught.value.reason, [place.pointer for place in caught.value.places]) == ("missing", ["/1/0"])
    with pytest.raises(RefusedError) as caught:
        Validator(schema, 10).rows([{each.name: 1 for each in schema.inputs if each.name != "gap"}], "")
    assert (caught.value.reason, caught.value.places[0].pointer) == ("fields", "/0/gap")


@BOTH
def test_ranges_that_count(schema: Schema) -> None:
    """A value outside is accepted as it is, and its row is counted once; edges and NaN are not outside."""
    validator = Validator(schema, 10)
    found = rows(schema, [-0.1, 1, 1, 1], [0, None, 1, 1], [1, 1, 1, 1], [1.5, 1, 1, 1])
    assert [row[0] for row in found] == [-0.1, 0.0, 1.0, 1.5]
    assert validator.out_of_range(found) == 2
    assert Validator(Schema((Input("a", "float64", maximum=1),), REGRESSION), 10).out_of_range(found) == 0


@BOTH
def test_ranges_that_refuse_hold_beside_those_that_count(schema: Schema) -> None:
    """A refused range is refused although another column's is only counted."""
    with pytest.raises(RefusedError) as caught:
        rows(schema, [7, 9.5, 1, 1])
    assert (caught.value.reason, [place.pointer for place in caught.value.places]) == ("range", ["/0/1"])


@pytest.mark.parametrize(
    ("whole", "numeric", "mixed"),
    [
        (2**53 - 1, True, True), (-(2**53) + 1, True, True), (2**53, False, True), (-(2**53), False, True),
        (2**53 + 1, False, True), (2**63 - 1, False, True), (-(2**63), False, True), (2**63, False, False),
        (-(2**63) - 1, False, False), (10**400, False, False),
    ],
)  # fmt: skip
def test_integers_are_exact_or_refused(whole: int, numeric: bool, mixed: bool) -> None:
    """Among float64 rows only integers that float64 tells apart (RFC 7493), among objects 64 bits."""
    for schema, good in ((NUMBERS, numeric), (MIXED, mixed)):
        for count in (1, 2):
            if good:
                found = rows(schema, *[[0, 1, 2, whole]] * count)[0][3]
                assert int(found) == whole
            else:
                with pytest.raises(RefusedError, match="schema") as caught:
                    rows(schema, *[[0, 1, 2, whole]] * count)
                assert caught.value.reason == "type"


@pytest.mark.parametrize("count", [1, 2])
def test_integers_in_columns_of_reals_are_rounded_to_nearest(count: int) -> None:
    """Ties go to even, as IEEE 754 rounds every numeral: 2**53 + 1 is 2**53, 2**53 + 3 is 2**53 + 4."""
    schema = Schema((Input("a", "float64"), Input("b", "float64", maximum=2**53)), REGRESSION)
    found = Validator(schema, 10).rows([[2**53 + 3, 2**53 + 1]] * count, "")
    assert found.tolist() == [[2.0**53 + 4, 2.0**53]] * count


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(
    ("precision", "value", "good"),
    [
        ("float64", 1.7976931348623157e308, True), ("float32", 3.4028234663852886e38, True),
        ("float32", 3.402823466385289e38, False), ("float32", -1e39, False), ("float64", math.inf, False),
    ],
)  # fmt: skip
def test_the_largest_number(count: int, precision: Any, value: float, good: bool) -> None:
    """The largest of the precision is accepted, the next above is not finite in it."""
    validator = Validator(Schema((Input("a", "float64"),), REGRESSION, precision), 10)
    assert (np.float32(3.4028234663852886e38) == np.finfo(np.float32).max) is np.True_
    if good:
        assert validator.rows([[value]] * count, "").tolist() == [[value]] * count
    else:
        with pytest.raises(RefusedError) as caught:
            validator.rows([[value]] * count, "")
        assert caught.value.reason == "not_finite"
        assert precision in caught.value.places[0].detail


def test_negative_zero_stays() -> None:
    """-0.0 is a number, and keeps its sign."""
    validator = Validator(Schema((Input("a", "float64", minimum=0),), REGRESSION), 10)
    for count in (1, 2):
        assert np.signbit(validator.rows([[-0.0]] * count, "")).all()


def test_a_sum_that_overflows_is_no_reason_to_refuse() -> None:
    """Two of the largest numbers are both finite, though their sum is not."""
    largest = 1.7976931348623157e308
    validator = Validator(Schema((Input("a", "float64"), Input("b", "float64")), REGRESSION), 10)
    assert validator.row([largest, largest], "").tolist() == [[largest, largest]]
