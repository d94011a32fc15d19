"""Golden rows as `ModelInfer`, and answers read back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from tests.serving import rpc as pods
from tests.unit.scale.rpc import answer

from ekiben.errors import ConfigError
from ekiben.scale.load import generator, inference
from ekiben.scale.load.schedule import Load, Segment
from ekiben.scale.load.target import Expected, LoadTarget
from ekiben.serving.problem import RefusedError
from ekiben.serving.rpc.generated import open_inference_grpc_pb2 as pb
from ekiben.serving.schema import Input, InputType, Output, Schema

LABELS = Output("classification", ("no", "yes"), probabilities=True)
MIXED = Schema(
    (
        Input("colour", "string"),
        Input("size", "float64", missing="nan"),
        Input("count", "int64", missing="value", default=0),
        Input("new", "bool"),
    ),
    LABELS,
)


def _document(rows: list[dict[str, Any]], predictions: list[Any], **more: Any) -> dict[str, Any]:
    return {"instances": rows, "predictions": predictions, "probabilities": None, **more}


def test_columns_of_one_type_are_one_tensor() -> None:
    """Columns are in the schema's order, whatever the rows' is; bytes are little-endian float64."""
    schema = Schema((Input("a", "float64"), Input("b", "float64")), LABELS)
    document = _document([{"b": 2, "a": 1.5}, {"a": 3.0, "b": 4.0}], ["no", "yes"])
    bodies, _ = inference.golden(document, schema, "m", 2)
    request = pb.ModelInferRequest.FromString(bodies[0])
    assert request.model_name == "m"
    [tensor] = request.inputs
    assert (tensor.name, tensor.datatype, list(tensor.shape)) == ("input-0", "FP64", [2, 2])
    assert list(np.frombuffer(request.raw_input_contents[0], "<f8")) == [1.5, 2, 3, 4]
    second = pb.ModelInferRequest.FromString(bodies[1])
    assert list(np.frombuffer(second.raw_input_contents[0], "<f8")) == [3, 4, 1.5, 2]


def test_columns_of_several_types_are_a_tensor_each() -> None:
    """Text carries its length, a missing number is NaN, a truth value is a byte."""
    document = _document([{"colour": "r\u00f6d", "size": None, "count": -2, "new": True}], ["no"])
    [body], _ = inference.golden(document, MIXED, "m")
    request = pb.ModelInferRequest.FromString(body)
    assert [(each.name, each.datatype, list(each.shape)) for each in request.inputs] == [
        ("colour", "BYTES", [1]), ("size", "FP64", [1]), ("count", "INT64", [1]), ("new", "BOOL", [1]),
    ]  # fmt: skip
    text, size, count, new = request.raw_input_contents
    assert text == b"\x04\x00\x00\x00r\xc3\xb6d"
    assert math.isnan(np.frombuffer(size, "<f8")[0])
    assert (count, new) == (b"\xfe" + b"\xff" * 7, b"\x01")


def test_rows_that_tensors_cannot_express_are_left_out() -> None:
    """A missing integer has no form; without any other row there is nothing to send, and that is said."""
    whole = {"colour": "red", "size": 1.0, "count": 1, "new": False}
    document = _document([whole, {**whole, "count": None}, {**whole, "count": 3}], ["no", "yes", "no"])
    bodies, checks = inference.golden(document, MIXED, "m")
    assert [check.predictions for check in checks] == [("no",), ("no",)]
    requests = map(pb.ModelInferRequest.FromString, bodies)
    assert [np.frombuffer(each.raw_input_contents[2], "<i8")[0] for each in requests] == [1, 3]
    with pytest.raises(ConfigError, match="golden rows"):
        inference.golden(_document([{**whole, "colour": None}], ["no"]), MIXED, "m")


@pytest.mark.parametrize(
    ("output", "predictions", "expected"),
    [
        (Output("classification", (0, 1.5)), [0, 1.5], (0.0, 1.5)),
        (Output("classification", (0, 1)), [0, 1], (0, 1)),
        (Output("classification", (False, True)), [True, False], (True, False)),
        (Output("classification", ("a", 1)), ["a", 1], ("a", "1")),
        (Output("regression"), [1, 2.5], (1.0, 2.5)),
    ],
)
def test_labels_are_expected_as_their_datatype_has_them(
    output: Output, predictions: list[Any], expected: tuple[Any, ...]
) -> None:
    """What JSON keeps apart a tensor may not: one datatype holds all labels."""
    schema = Schema((Input("a", "float64"),), output)
    _, checks = inference.golden(_document([{"a": 1.0}, {"a": 2.0}], predictions), schema, "m")
    found = tuple(check.predictions[0] for check in checks)
    assert found == expected
    assert [type(each) for each in found] == [type(each) for each in expected]


def test_typed_and_raw_answers_are_read_alike() -> None:
    """A server may answer with either; both are lists of the tensor's shape."""
    typed = answer("a", "b", probabilities=[0.25, 0.75, 0.5, 0.5])
    raw = pb.ModelInferResponse.FromString(typed.SerializeToString())
    for output in raw.outputs:
        output.ClearField("contents")
    raw.raw_output_contents.append(b"\x01\x00\x00\x00a\x01\x00\x00\x00b")
    raw.raw_output_contents.append(np.array([0.25, 0.75, 0.5, 0.5], "<f8").tobytes())
    right = Expected(("a", "b"), ((0.25, 0.75), (0.5, 0.5)))
    assert right.accepts(inference.read(typed.SerializeToString()))
    assert right.accepts(inference.read(raw.SerializeToString()))


def _broken(change: str) -> bytes:
    found = answer("a", "b", probabilities=[0.25, 0.75, 0.5, 0.5])
    match change:
        case "shape":
            found.outputs[1].shape[0] = 3
        case "negative":
            found.outputs[1].shape[0] = -2
        case "datatype":
            found.outputs[1].datatype = "FP99"
        case "raw":
            found.raw_output_contents.append(b"\x01")
        case "name":
            found.outputs[0].name = "label"
    body: bytes = found.SerializeToString()
    return body[:-3] if change == "short" else body


@pytest.mark.parametrize("change", ["shape", "negative", "datatype", "raw", "name", "short"])
def test_what_is_no_answer_is_wrong(change: str) -> None:
    """Another shape, datatype, length or name is a wrong answer, not an exception."""
    assert not Expected(("a", "b"), ((0.25, 0.75), (0.5, 0.5))).accepts(inference.read(_broken(change)))


@pytest.fixture(scope="module")
def pod() -> Iterator[pods.Port]:
    """The product's own `grpc` port, with a forest behind it."""
    with pods.running() as found:
        yield found


def _target(pod: pods.Port, **more: Any) -> LoadTarget:
    rows = pods.ROWS.tolist()
    document = _document(
        [dict(zip(pods.NAMES, row, strict=True)) for row in rows],
        pods.FOREST.predict(pods.ROWS).tolist(),
        probabilities=pods.FOREST.predict_proba(pods.ROWS).tolist(),
    )
    bodies, checks = inference.golden(document, pods.SCHEMA, pods.MODEL.name)
    url = f"http://{pods.HOST}:{pod.port}{inference.PATH}"
    return LoadTarget(url, bodies, checks, protocol="grpc", **more)


def test_the_pod_answers_golden_rows_rightly(pod: pods.Port) -> None:
    """Each of 60 rows gets scikit-learn's answer; the key is where the pod looks for it."""
    measured = generator.run(
        _target(pod, headers={"X-API-Key": "k"}), Load((Segment(100, 0.6),), "constant"), seed=1
    )
    assert (measured.ok, measured.statuses) == (60, {200: 60})
    assert pod.gate.last().headers[b"x-api-key"] == b"k"


def test_the_pods_refusals_are_counted_by_their_status(pod: pods.Port) -> None:
    """What the pod counts as 503 the load counts as 503."""
    pod.gate.refusal = RefusedError(503, "busy", "too much to do")
    try:
        measured = generator.run(_target(pod), Load((Segment(50, 0.2),), "constant"), seed=1)
    finally:
        pod.gate.refusal = None
    assert (measured.ok, measured.statuses) == (0, {503: 10})
    assert [visit.ended for visit in pod.gate.visits[-10:]] == [[503]] * 10


@pytest.mark.parametrize("type_", ["float64", "int64", "bool", "string"])
def test_every_type_of_a_column_has_a_form(type_: InputType) -> None:
    """No type of the schema is without a datatype that can be sent."""
    values: dict[str, Any] = {"float64": 1.5, "int64": 1, "bool": True, "string": "x"}
    schema = Schema((Input("a", type_),), LABELS)
    [body], _ = inference.golden(_document([{"a": values[type_]}], ["no"]), schema, "m")
    assert len(pb.ModelInferRequest.FromString(body).raw_input_contents) == 1
