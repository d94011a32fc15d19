from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ekiben.serving.problem import RefusedError
from ekiben.serving.schema import Input, Output, Schema
from ekiben.serving.validation import Validator

REGRESSION = Output("regression")
NUMBERS = Schema((Input("a", "float64"), Input("b/c", "float64")), REGRESSION)
MIXED = Schema(
    (
        Input("real", "float64", minimum=0, maximum=1),
        Input("whole", "int64"),
        Input("flag", "bool"),
        Input("colour", "string", categories=("red", "blue")),
        Input("text", "string"),
    ),
    REGRESSION,
)
GOOD = [0.5, 3, True, "red", "anything"]
ANY = st.one_of(
    st.floats(),
    st.integers(),
    st.booleans(),
    st.text(max_size=3),
    st.none(),
    st.lists(st.floats(), max_size=2),
)


def refused(schema: Schema, instances: Any) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        Validator(schema, most_rows=10).rows(instances, "/instances")
    return caught.value


def fits(value: Any) -> bool:
    """What float64 takes, said in another way: a number that is not a truth value, and finite as a float."""
    if isinstance(value, bool) or not isinstance(value, float | int):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(ANY, min_size=1, max_size=3), min_size=1, max_size=5))
def test_rows_of_numbers(instances: list[list[Any]]) -> None:
    """Accepted exactly if every row has two finite numbers, and then the array holds these numbers."""
    good = all(len(row) == 2 and all(map(fits, row)) for row in instances)
    if not good:
        assert refused(NUMBERS, instances).status == 422
        return
    rows = Validator(NUMBERS, most_rows=10).rows(instances, "/instances")
    assert rows.dtype == np.float64
    assert rows.tolist() == [[float(value) for value in row] for row in instances]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**400, -(10**400)])
def test_numbers_that_float64_cannot_hold(value: float) -> None:
    """One of them is found among good rows and in a row alone, in either form of a row."""
    for row in ([1.0, value], {"a": 1.0, "b/c": value}):
        for instances in ([[1.0, 2.0], row], [row]):
            error = refused(NUMBERS, instances)
            assert error.reason == "not_finite"
            assert len(error.places) == 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(["a", "b/c", "d"]), ANY), min_size=1, max_size=3))
def test_rows_by_name(instances: list[dict[str, Any]]) -> None:
    """Accepted exactly if every row has both names and no other; the schema gives the order."""
    good = all(set(row) == {"a", "b/c"} and all(map(fits, row.values())) for row in instances)
    if not good:
        assert refused(NUMBERS, instances).status == 422
        return
    rows = Validator(NUMBERS, most_rows=10).rows(instances, "/instances")
    assert rows.tolist() == [[float(row["a"]), float(row["b/c"])] for row in instances]


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        (0, "0.5", "type"), (0, True, "type"), (0, None, "missing"), (0, math.inf, "not_finite"),
        (0, math.nan, "not_finite"), (0, -0.1, "range"), (0, 1.1, "range"), (0, [0.5], "type"),
        (1, 3.0, "type"), (1, True, "type"), (1, 2**63, "type"), (1, "3", "type"),
        (2, 1, "type"), (2, "true", "type"), (2, None, "missing"),
        (3, "green", "category"), (3, "Red", "category"), (3, 1, "type"), (3, None, "missing"),
        (4, 5, "type"),
    ],
)  # fmt: skip
def test_columns_of_each_type(column: int, value: Any, reason: str) -> None:
    """A value of another type, range or category is refused with its reason and its place."""
    row = [*GOOD]
    row[column] = value
    error = refused(MIXED, [GOOD, row])
    assert error.reason == reason
    assert [place.pointer for place in error.places] == [f"/instances/1/{column}"]


def test_mixed_rows_keep_their_types() -> None:
    """With a string among the columns the rows are objects, each value as it came."""
    rows = Validator(MIXED, most_rows=10).rows([GOOD], "/instances")
    assert rows.dtype == object
    assert rows.tolist() == [GOOD]


def test_edges_of_ranges_are_inside() -> None:
    """Minimum and maximum themselves are accepted, and so are the largest integers."""
    validator = Validator(MIXED, most_rows=10)
    for real, whole in ((0, 2**63 - 1), (1, -(2**63))):
        assert validator.rows([[real, whole, False, "blue", ""]], "").tolist()[0][:2] == [real, whole]


def test_pointers_are_escaped() -> None:
    """A slash in a column's name is written as RFC 6901 says."""
    assert [place.pointer for place in refused(NUMBERS, [{"a": 1, "b/c": "x"}]).places] == [
        "/instances/0/b~1c"
    ]
    assert [place.pointer for place in refused(NUMBERS, [{"a": 1}]).places] == ["/instances/0/b~1c"]


def test_missing_and_extra_fields_are_both_told() -> None:
    """A row that misses one field and has two unknown ones says so in two places."""
    error = refused(NUMBERS, [{"a": 1, "x": 1, "y": 1}])
    assert [(place.pointer, place.detail) for place in error.places] == [
        ("/instances/0/b~1c", "required"),
        ("/instances/0", "2 field(s) that the schema does not declare"),
    ]


@pytest.mark.parametrize(("count", "good"), [(0, False), (1, True), (10, True), (11, False)])
def test_row_limits(count: int, good: bool) -> None:
    """One row at least, the limit at most."""
    if good:
        assert len(Validator(NUMBERS, most_rows=10).rows([[1, 2]] * count, "")) == count
    else:
        assert refused(NUMBERS, [[1, 2]] * count).reason == "rows"


def test_one_column() -> None:
    """A model of one column takes rows of one."""
    validator = Validator(Schema((Input("only", "float64"),), REGRESSION), most_rows=10)
    assert validator.rows([[1], {"only": 2}], "").tolist() == [[1.0], [2.0]]
    assert validator.row([3], "").tolist() == [[3.0]]
