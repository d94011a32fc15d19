"""Missing values and counted ranges mean the same in every protocol."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
import pytest
from tests.unit.serving.protocols import pod as pods
from tests.unit.serving.protocols.pod import JSON, LENGTH, NAME, Pod

from ekiben.serving.exchange import Question

INFER = f"/v2/models/{NAME}/infer"
KSERVE = f"/v1/models/{NAME}:predict"
CSV = {b"content-type": b"text/csv"}
ROWS: list[list[float | None]] = [[1.0, None], [None, 2.0], [99.0, 3.0]]
# What the policies make of them: NaN where the column takes it, the default in the other, nothing cut off.
EXPECTED = [[1.0, 0.5], [math.nan, 2.0], [99.0, 3.0]]


@pytest.fixture(scope="module")
def gaps() -> Pod:
    """Two numbers, either of which may be missing."""
    return pods.gaps()


def tensor(name: str, shape: list[int], kind: str, data: list[Any]) -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": kind, "data": data}


def question(pod: Pod, path: str, body: bytes, headers: Mapping[bytes, bytes] = JSON) -> Question:
    """What a dialect reads."""
    dialect = pod.routes.by_path[path].dialect
    assert dialect is not None
    return dialect.read(body, headers)


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/predict", {"instances": ROWS}),
        (KSERVE, {"instances": ROWS}),
        ("/invocations", {"dataframe_split": {"columns": ["b", "a"], "data": [row[::-1] for row in ROWS]}}),
        ("/invocations", {"inputs": {"a": [1, None, 99], "b": [None, 2, 3]}}),
        (INFER, {"inputs": [tensor("input-0", [3, 2], "FP64", ROWS)]}),
        (INFER, {"inputs": [tensor("input-0", [3, 2], "FP32", [cell for row in ROWS for cell in row])]}),
        (
            INFER,
            {"inputs": [tensor("a", [3], "FP64", [1, None, 99]), tensor("b", [3], "INT8", [None, 2, 3])]},
        ),
    ],
)
def test_null_is_a_missing_value(gaps: Pod, path: str, document: Any) -> None:
    """In JSON, in each form; a value outside a counted range is counted."""
    found = question(gaps, path, orjson.dumps(document))
    np.testing.assert_array_equal(found.rows, EXPECTED)
    assert found.out_of_range == 1


def test_an_empty_cell_is_a_missing_value(gaps: Pod) -> None:
    """In CSV, with a header and without."""
    for text in (b"a,b\n1,\n,2\n99,3\n", b"1,\n,2\n99,3", b'b,a\n"",1\n2,\n3,99\n'):
        found = question(gaps, "/invocations", text, CSV)
        np.testing.assert_array_equal(found.rows, EXPECTED)
        assert found.out_of_range == 1


@pytest.mark.parametrize("kind", ["d", "f", "e"])
def test_nan_is_a_missing_value(gaps: Pod, kind: str) -> None:
    """In the bytes of a tensor of each precision."""
    raw = struct.pack(f"<6{kind}", *[math.nan if cell is None else cell for row in ROWS for cell in row])
    size, name = len(raw) // 6, {"d": "FP64", "f": "FP32", "e": "FP16"}[kind]
    part = {
        "name": "input-0",
        "shape": [3, 2],
        "datatype": name,
        "parameters": {"binary_data_size": size * 6},
    }
    text = orjson.dumps({"inputs": [part]})
    headers = {b"content-type": b"application/octet-stream", LENGTH: str(len(text)).encode()}
    found = question(gaps, INFER, text + raw, headers)
    np.testing.assert_array_equal(found.rows, EXPECTED)
    assert found.out_of_range == 1


def test_null_among_what_is_wrong(gaps: Pod) -> None:
    """A null does not hide a value of another type, and is not named for it."""
    text = gaps.refused(INFER, {"inputs": [tensor("input-0", [1, 2], "FP32", [None, "x"])]})
    assert "/inputs/0/data/1: expected a number" in text
    assert "/inputs/0/data/0" not in text


def test_null_where_nothing_may_be_missing(flowers: Pod) -> None:
    """It is refused with its place, in every protocol."""
    row = [None, 0, 0, 0]
    assert "/inputs/0/data/0" in flowers.refused(INFER, {"inputs": [tensor("input-0", [1, 4], "FP64", row)]})
    assert "/instances/0/0" in flowers.refused(KSERVE, {"instances": [row]})
    assert "/0/0" in flowers.refused("/invocations", [row])
