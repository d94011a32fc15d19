"""Requests and answers of each protocol, beside the bytes that its specification shows."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from benchmarks import forms

ROWS = np.array([[1.5, 2.25, -3.0], [0.1, 0.2, 0.3]])


def test_a_binary_tensor_is_json_and_then_raw_little_endian_numbers() -> None:
    """The header's length is announced, and the bytes after it are the rows in FP32, row by row."""
    request = forms.binary("/v2/models/{model}/infer").write(ROWS)
    length = int(request.headers["Inference-Header-Content-Length"])
    head = json.loads(request.body[:length])
    (tensor,) = head["inputs"]
    assert (tensor["shape"], tensor["datatype"]) == ([2, 3], "FP32")
    assert tensor["parameters"]["binary_data_size"] == 24 == len(request.body) - length
    assert request.body[length:] == struct.pack("<6f", 1.5, 2.25, -3.0, 0.1, 0.2, 0.3)


def test_a_raw_output_is_read_from_after_the_json() -> None:
    """The first output's bytes are the first after the header, by their size."""
    head = json.dumps(
        {
            "outputs": [
                {"name": "p", "datatype": "INT64", "shape": [2], "parameters": {"binary_data_size": 16}},
                {"name": "q", "datatype": "FP64", "shape": [2], "parameters": {"binary_data_size": 16}},
            ]
        }
    ).encode()
    body = head + struct.pack("<2q", 7, -1) + struct.pack("<2d", 0.5, 0.5)
    form = forms.binary("/")
    assert form.read({"inference-header-content-length": str(len(head))}, body) == [7, -1]


def test_a_json_output_is_read_too() -> None:
    """Without the header the whole body is JSON."""
    body = b'{"outputs": [{"name": "p", "datatype": "INT64", "shape": [2], "data": [1, 0]}]}'
    assert forms.tensor("/").read({}, body) == [1, 0]


@pytest.mark.parametrize(
    ("form", "asked", "answered"),
    [
        (forms.instances("/"), {"instances": ROWS.tolist()}, {"predictions": [3, 4]}),
        (forms.mlflow("/"), {"inputs": ROWS.tolist()}, {"predictions": [3, 4]}),
        (forms.argument("/", "rows"), {"rows": ROWS.tolist()}, [3, 4]),
    ],
)
def test_json_forms_carry_the_rows_and_give_the_predictions(
    form: forms.Form, asked: object, answered: object
) -> None:
    """Numbers keep all their digits."""
    request = form.write(ROWS)
    assert json.loads(request.body) == asked
    assert request.headers == {"Content-Type": "application/json"}
    assert form.read({}, json.dumps(answered).encode()) == [3, 4]


def test_a_flat_tensor_has_its_shape() -> None:
    """Version 2 of the protocol in JSON carries the rows in one list."""
    (tensor,) = json.loads(forms.tensor("/").write(ROWS).body)["inputs"]
    assert tensor["data"] == [1.5, 2.25, -3.0, 0.1, 0.2, 0.3]
    assert (tensor["shape"], tensor["datatype"]) == ([2, 3], "FP64")
