from __future__ import annotations

import numpy as np

from ekiben.artefact.reference import distributions
from ekiben.serving.schema import Input, Output, Schema


def test_deciles_of_a_hundred_numbers() -> None:
    """The deciles of 1..100 are 1, 10, 20, ..., 100; the last interval is closed."""
    rows = np.arange(1.0, 101.0).reshape(-1, 1)
    schema = Schema((Input("x", "float64"),), Output("regression"))
    found = distributions(rows, rows[:, 0], schema)
    assert found["rows"] == 100
    assert found["inputs"]["x"]["edges"] == [1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]
    assert found["inputs"]["x"]["counts"] == [9, 10, 10, 10, 10, 10, 10, 10, 10, 11]
    assert found["output"] == found["inputs"]["x"]


def test_a_constant_column() -> None:
    """One value is one interval of no width that holds all rows."""
    rows = np.full((7, 1), 3.0)
    schema = Schema((Input("x", "float64"),), Output("classification", ("a",), probabilities=True))
    found = distributions(rows, np.array(["a"] * 7), schema)
    assert found["inputs"]["x"] == {"edges": [3.0, 3.0], "counts": [7]}
    assert found["output"] == {"categories": {"a": 7}}


def test_strings_are_counted() -> None:
    """Categories with their counts."""
    rows = np.array([["red"], ["blue"], ["red"]], dtype=object)
    schema = Schema((Input("colour", "string"),), Output("classification", (0, 1), probabilities=True))
    found = distributions(rows, np.array([0, 1, 1]), schema)
    assert found["inputs"]["colour"] == {"categories": {"blue": 1, "red": 2}}
    assert found["output"] == {"categories": {"0": 1, "1": 2}}
