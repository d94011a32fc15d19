from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ekiben.serving.problem import MOST_ERRORS, RefusedError
from ekiben.serving.schema import Input, Output, Schema
from ekiben.serving.validation import Validator

REGRESSION = Output("regression")
REAL = Schema((Input("a", "float64", minimum=-1, maximum=300), Input("b/c", "float64")), REGRESSION)
GAPS = Schema(
    (Input("a", "float64", missing="nan", maximum=300), Input("b", "float64", missing="value", default=0.5)),
    REGRESSION,
)
WHOLE = Schema((Input("a", "float64"), Input("b", "int64")), REGRESSION)
FLAGS = Schema((Input("a", "bool"), Input("b", "bool")), REGRESSION)
WORDS = Schema((Input("a", "float64"), Input("b", "string", categories=("x", "y"))), REGRESSION)
SCHEMAS = {"real": REAL, "gaps": GAPS, "whole": WHOLE, "flags": FLAGS, "words": WORDS}
TYPES = ["f8", "f4", "f2", ">f8", "i8", "i1", "u1", "u8", "?", "O", "U1", "c16", "M8[s]", "g"]
EDGES = [0.0, 1.0, -1.0, 1.5, np.nan, np.inf, 299.0, 301.0]


def outcome(check: Any) -> tuple[Any, ...]:
    """Rows by type and bits, or why they were refused."""
    try:
        found = check()
    except RefusedError as error:
        return (error.status, error.reason, [(each.pointer, each.detail) for each in error.places])
    return (
        found.dtype,
        found.shape,
        found.flags.writeable,
        found.tobytes() if found.dtype != object else found.tolist(),
    )


def table(dtype: str, edges: list[float]) -> Any:
    """A table of two columns of a type."""
    if dtype == "M8[s]":
        return np.zeros((2, 2), dtype=dtype)
    if dtype == "U1":
        return np.array([["x", "y"], ["y", "x"]])
    if dtype == "O":
        return np.array([[edges[0], "x"], [1, "y"]], dtype=object)
    return np.array([[0, 1], [edges[0], edges[1]]]).astype(dtype)


@settings(max_examples=80, deadline=None)
@given(
    schema=st.sampled_from(sorted(SCHEMAS)),
    dtype=st.sampled_from(TYPES),
    edges=st.lists(st.sampled_from(EDGES), min_size=2, max_size=2),
)  # fmt: skip
def test_an_array_fits_if_its_values_fit(schema: str, dtype: str, edges: list[float]) -> None:
    """Array, columns and the same Python values by row: one verdict, the same places, the same bits."""
    with np.errstate(invalid="ignore"):
        values = table(dtype, edges)
    before = values.copy()
    validator = Validator(SCHEMAS[schema], 10)
    names = [each.name for each in SCHEMAS[schema].inputs]
    expected = outcome(lambda: validator.rows(values.tolist(), "/data"))
    assert outcome(lambda: validator.array(values, "/data")) == expected
    columns = {name: values[:, place] for place, name in enumerate(names)}
    by_column = outcome(
        lambda: validator.columns(columns, "", place=lambda name, row: f"/data/{row}/{names.index(name)}")
    )
    assert by_column == expected
    assert outcome(
        lambda: validator.columns(
            {name: each.tolist() for name, each in columns.items()},
            "",
            place=lambda name, row: f"/data/{row}/{names.index(name)}",
        )
    ) == expected  # fmt: skip
    assert values.tobytes() == before.tobytes()


@pytest.mark.parametrize(
    ("schema", "dtype", "reason"),
    [
        ("real", "f8", None), ("real", "f4", None), ("real", "i8", None), ("real", "u8", None),
        ("real", "?", "type"), ("real", "U1", "type"), ("real", "g", "type"), ("real", "c16", "type"),
        ("whole", "i8", None), ("whole", "f8", "type"), ("flags", "?", None), ("flags", "u1", "type"),
        ("words", "U1", "type"), ("words", "O", None),
    ],
)  # fmt: skip
def test_types_of_arrays(schema: str, dtype: str, reason: str | None) -> None:
    """Reals and integers fit reals, integers alone fit integers, truth values fit themselves."""
    found = outcome(lambda: Validator(SCHEMAS[schema], 10).array(table(dtype, [1, 0]), ""))
    assert (found[1] if found[0] == 422 else None) == reason


def test_float32_keeps_its_value() -> None:
    """Every float32 is a float64."""
    values = np.array([[0.1, 1 / 3]], dtype=np.float32)
    assert Validator(REAL, 10).array(values, "").tolist() == [
        [float(np.float32(0.1)), float(np.float32(1 / 3))]
    ]


def test_nan_in_a_tensor_is_a_missing_value() -> None:
    """It becomes what null becomes; without a policy it is not finite."""
    found = Validator(GAPS, 10).array(np.array([[np.nan, np.nan], [1, 2]]), "")
    assert np.isnan(found[0, 0])
    assert found[:, 1].tolist() == [0.5, 2.0]
    with pytest.raises(RefusedError) as caught:
        Validator(REAL, 10).array(np.array([[0, 0], [0, np.nan]]), "/data")
    assert (caught.value.reason, caught.value.places[0].pointer) == ("not_finite", "/data/1/1")


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ((2,), "form"),
        ((2, 2, 1), "form"),
        ((), "form"),
        ((2, 3), "fields"),
        ((0, 2), "rows"),
        ((11, 2), "rows"),
    ],
)
def test_shapes(shape: tuple[int, ...], reason: str) -> None:
    """Rows by inputs, within the row limit; the place is the array."""
    with pytest.raises(RefusedError) as caught:
        Validator(REAL, 10).array(np.zeros(shape), "/data")
    assert (caught.value.reason, [each.pointer for each in caught.value.places]) == (reason, ["/data"])


def test_places_as_the_protocol_has_them() -> None:
    """A protocol with flat data names the place its own way; no more places than an answer takes."""
    with pytest.raises(RefusedError) as caught:
        Validator(REAL, 100).array(
            np.full((50, 2), np.inf), "", place=lambda row, column: f"/d/{2 * row + column}"
        )
    assert [each.pointer for each in caught.value.places] == [f"/d/{place}" for place in range(MOST_ERRORS)]


@pytest.mark.parametrize(
    ("columns", "reason", "pointers"),
    [
        ({"a": [1]}, "fields", ["/in/b~1c"]),
        ({"a": [1], "b/c": [1], "x": [1]}, "fields", ["/in"]),
        ({"x": [1]}, "fields", ["/in/a", "/in/b~1c", "/in"]),
        ({"a": [1], "b/c": [1, 2]}, "rows", ["/in/b~1c"]),
        ({"a": [], "b/c": []}, "rows", ["/in"]),
        ({"a": [1] * 11, "b/c": [1] * 11}, "rows", ["/in"]),
        ({"a": "1", "b/c": "1"}, "form", ["/in/a"]),
        ({"a": [1], "b/c": np.zeros((1, 1))}, "form", ["/in/b~1c"]),
        ({"a": [1, "x"], "b/c": [None, 1]}, "missing", ["/in/b~1c/0", "/in/a/1"]),
    ],
)
def test_columns_that_do_not_fit(columns: dict[str, Any], reason: str, pointers: list[str]) -> None:
    """Absent, unknown, of another length, or with wrong values: each named by its place."""
    with pytest.raises(RefusedError) as caught:
        Validator(REAL, 10).columns(columns, "/in")
    assert (caught.value.reason, [each.pointer for each in caught.value.places]) == (reason, pointers)


def test_columns_in_any_order_and_kind() -> None:
    """Lists, tuples and arrays side by side; the schema gives the order."""
    found = Validator(WORDS, 10).columns({"b": ("x", "y"), "a": np.array([1, 2], dtype=np.int32)}, "")
    assert found.tolist() == [[1.0, "x"], [2.0, "y"]]
    assert [type(value) for value in found[0]] == [float, str]


def test_nan_passes_only_where_its_own_column_allows_it() -> None:
    """A policy of one column is no leave for its neighbour, in a tensor of reals and in columns."""
    schema = Schema((Input("a", "float64", missing="nan"), Input("b", "float64")), REGRESSION)
    validator = Validator(schema, 10)
    assert np.isnan(validator.array(np.array([[np.nan, 1.0]]), "")[0, 0])
    with pytest.raises(RefusedError) as caught:
        validator.array(np.array([[1.0, 1.0], [np.nan, np.nan]]), "/data")
    assert (caught.value.reason, [each.pointer for each in caught.value.places]) == (
        "not_finite",
        ["/data/1/1"],
    )
    with pytest.raises(RefusedError) as caught:
        validator.columns({"a": np.array([np.nan]), "b": np.array([np.nan])}, "")
    assert [each.pointer for each in caught.value.places] == ["/b/0"]
