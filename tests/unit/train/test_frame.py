from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ekiben.config import InputPolicy
from ekiben.errors import ConfigError
from ekiben.serving.schema import Input
from ekiben.train import frame


def read(features: Any, labels: Any) -> frame.Data:
    return frame.read((features, labels), "data:load")


FRAME = pd.DataFrame({"x": [1.5, 2.5], "n": [1, 2], "yes": [True, False]})
LABELS = pd.Series(["a", "b"])


def test_numbers_become_one_array() -> None:
    """Reals, integers and truth values are float64 together, declared by their own types."""
    found = read(FRAME, LABELS)
    assert found.rows.dtype == np.float64
    assert found.rows.tolist() == [[1.5, 1.0, 1.0], [2.5, 2.0, 0.0]]
    assert [(each.name, each.type) for each in found.inputs] == [
        ("x", "float64"),
        ("n", "int64"),
        ("yes", "bool"),
    ]
    assert found.labels.tolist() == ["a", "b"]


def test_strings_make_rows_of_objects() -> None:
    """With a string among them values keep their own types; categories come from the column's type alone."""
    features = FRAME.assign(colour=pd.Categorical(["red", "blue"], ["blue", "green", "red"]), text=["t", "u"])
    found = read(features, LABELS)
    assert found.rows.dtype == object
    assert found.rows.tolist()[0] == [1.5, 1, True, "red", "t"]
    assert [each.categories for each in found.inputs[3:]] == [("blue", "green", "red"), None]


def test_the_hash_is_of_names_types_and_values() -> None:
    """Equal data have equal hashes; a value, a name, a type or a label that differs changes it."""
    same = read(FRAME.copy(), LABELS.copy()).sha256
    assert read(FRAME, LABELS).sha256 == same
    others = [
        read(FRAME.assign(x=[1.5, 2.6]), LABELS),
        read(FRAME.rename(columns={"x": "z"}), LABELS),
        read(FRAME.astype({"n": "float64"}), LABELS),
        read(FRAME, pd.Series(["a", "c"])),
        read(FRAME, pd.Series(["ab", ""])),
    ]
    assert len({same, *(each.sha256 for each in others)}) == 6


@pytest.mark.parametrize(
    ("features", "labels", "message"),
    [
        (FRAME.assign(x=[1.0, None]), LABELS, "'x' has 1 missing"),
        (FRAME.assign(x=[1.0, np.inf]), LABELS, "'x' holds infinity"),
        (FRAME.assign(x=pd.to_datetime(["2020-01-01", "2020-01-02"])), LABELS, "'x' is of type datetime64"),
        (FRAME.assign(x=[1 + 2j, 0j]), LABELS, "complex128"),
        (FRAME.assign(x=["a", 1]), LABELS, "'x' is of type object"),
        (FRAME, pd.Series([1, 2, 3]), "one label per row"),
        (FRAME.iloc[:0], LABELS.iloc[:0], "one label per row"),
        (pd.concat([FRAME, FRAME], axis=1), LABELS, "different names"),
        (FRAME[[]], LABELS, "different names, .* found no column"),
        (FRAME.rename(columns={"x": "n"}), LABELS, "found 'n' 2 times$"),
        (FRAME.rename(columns={"x": ""}), LABELS, "none of them empty, found '' 1 times$"),
        (
            FRAME.assign(x=np.array([1, 2], dtype=np.longdouble)),
            LABELS,
            "'x' is of type (float128|longdouble)",
        ),
        (FRAME, FRAME[["x", "n"]], r"one label per row, found labels of shape \(2, 2\)"),
        (FRAME, pd.Series(["a", 1]), "all numbers, all truth values or all strings, found object"),
    ],
)
def test_data_that_a_pod_cannot_take(features: Any, labels: Any, message: str) -> None:
    """Missing values, infinity, other types, other lengths: refused with the column's name."""
    with pytest.raises(ConfigError, match=message):
        read(features, labels)


@pytest.mark.parametrize(
    ("column", "remedy"),
    [
        ("n", "missing: value with a default, .*; or declare train.inputs.n.type: float64"),
        ("s", "missing: value with a default, which stands in for a missing value$"),
    ],
)
def test_a_column_that_knows_no_nan_is_told_what_stands_in(column: str, remedy: str) -> None:
    """An integer may become a real number, a string may not: each remedy is one that works."""
    features = FRAME.assign(s=["a", None])
    declared = policies(**{"s": {"missing": "value", "default": "a"}, column: {"missing": "nan"}})
    with pytest.raises(ConfigError, match="the type float64, if NaN") as caught:
        frame.read((features, LABELS), "data:load", declared)
    assert re.search(remedy, caught.value.remedy)


@pytest.mark.parametrize("found", [None, FRAME, (FRAME, LABELS, 1), ([[1, 2]], [1])])
def test_what_is_no_pair_of_frame_and_labels(found: Any) -> None:
    """The message says what a data function returns."""
    with pytest.raises(ConfigError, match="pair of a data frame and labels"):
        frame.read(found, "data:load")


def policies(**columns: dict[str, Any]) -> dict[str, InputPolicy]:
    return {name: InputPolicy.model_validate(policy) for name, policy in columns.items()}


def test_policies_are_written_down() -> None:
    """Range, categories and missing values of `ekiben.yaml` stand in the declaration; nothing is inferred."""
    features = FRAME.assign(colour=["red", "blue"])
    found = frame.read(
        (features, LABELS),
        "data:load",
        policies(
            x={"range": [0, None], "on_out_of_range": "count"},
            n={"range": [1, 9], "missing": "value", "default": 3},
            colour={"categories": ["blue", "green", "red"]},
        ),
    )
    assert found.inputs == (
        Input("x", "float64", minimum=0.0, on_out_of_range="count"),
        Input("n", "int64", minimum=1, maximum=9, missing="value", default=3),
        Input("yes", "bool"),
        Input("colour", "string", categories=("blue", "green", "red")),
    )


@pytest.mark.parametrize(
    ("column", "policy", "expected"),
    [
        ([1.5, None, 2.0], {"missing": "nan"}, [1.5, np.nan, 2.0]),
        ([1.5, None, 2.0], {"missing": "value", "default": 7}, [1.5, 7.0, 2.0]),
        (pd.array([1, None, 2], dtype="Int64"), {"missing": "value", "default": 7}, [1.0, 7.0, 2.0]),
        (pd.array([1.5, None, 2], dtype="Float64"), {"missing": "nan"}, [1.5, np.nan, 2.0]),
        ([True, None, False], {"missing": "value", "default": True}, [1.0, 1.0, 0.0]),
        (["a", None, "b"], {"missing": "value", "default": "c"}, ["a", "c", "b"]),
        (
            pd.Categorical(["a", None, "b"], ["a", "b", "c"]),
            {"missing": "value", "default": "c"},
            ["a", "c", "b"],
        ),
    ],
)
def test_missing_values_become_what_the_pod_makes_of_them(column: Any, policy: Any, expected: Any) -> None:
    """The estimator is fitted on the values that it will be served."""
    features = pd.DataFrame({"x": column})
    found = frame.read((features, [0, 1, 0]), "data:load", policies(x=policy))
    np.testing.assert_array_equal(found.rows[:, 0], np.array(expected, dtype=found.rows.dtype))
    assert found.inputs[0].missing == policy["missing"]


@pytest.mark.parametrize(
    ("features", "declared", "message"),
    [
        (FRAME, {"z": {"range": [0, 1]}}, "has no column z; it has x, n, yes"),
        (FRAME, {"x": {"range": [0, 2]}}, r"column 'x', row 1: expected at most 2\.0"),
        (FRAME, {"n": {"range": [0.5, 9]}}, "train.inputs.n: .*range of int64 numbers"),
        (FRAME, {"yes": {"range": [0, 1]}}, "no range for the type bool"),
        (FRAME, {"n": {"missing": "nan"}}, "the type float64, if NaN"),
        (FRAME, {"x": {"categories": ["a"]}}, "no categories for the type float64"),
        (FRAME, {"x": {"missing": "value", "default": "a"}}, "a default of the type float64"),
        (FRAME.assign(s=["a", "b"]), {"s": {"categories": ["a"]}}, "column 's', row 1: expected one of"),
        (FRAME.assign(x=[None, None]), {"x": {"missing": "nan"}}, "'x' has no value at all"),
        (FRAME.assign(n=[1, 2**53]), {}, "column 'n', row 1: expected an integer from -9007199254740991"),
    ],
)
def test_policies_that_do_not_fit_the_data(features: Any, declared: Any, message: str) -> None:
    """A row that the pod would refuse, or a policy without a meaning, ends the training."""
    with pytest.raises(ConfigError, match=message):
        frame.read((features, LABELS), "data:load", policies(**declared))
