"""Tensors of a ModelInferRequest, by the sentences of the protocol's own text."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from tests.serving.rpc import MODEL

from ekiben.serving.exchange import Question
from ekiben.serving.predictor import Answers
from ekiben.serving.problem import RefusedError
from ekiben.serving.protocols import signature
from ekiben.serving.protocols.served import Served
from ekiben.serving.rpc.generated import open_inference_grpc_pb2 as pb
from ekiben.serving.rpc.infer import Infer
from ekiben.serving.schema import Input, InputType, Output, Schema
from ekiben.serving.validation import Validator


def dialect(*types: InputType, classes: tuple[Any, ...] = (0, 1)) -> Infer:
    """A dialect for columns `x0`, `x1`, ... of these types."""
    inputs = tuple(Input(f"x{place}", each) for place, each in enumerate(types))
    schema = Schema(inputs, Output("classification", classes, probabilities=True))
    model = Served(MODEL.name, MODEL.version, MODEL.sha256, schema, MODEL.golden)
    return Infer(model, signature.of(schema), Validator(schema, 100))


def request(shape: tuple[int, ...] = (2,), datatype: str = "FP64", name: str = "x0", **contents: Any) -> Any:
    """A request with one tensor."""
    tensor = pb.ModelInferRequest.InferInputTensor(name=name, datatype=datatype, shape=shape)
    if contents:
        tensor.contents.CopyFrom(pb.InferTensorContents(**contents))
    return pb.ModelInferRequest(model_name=MODEL.name, inputs=[tensor])


def typed(datatype: str, contents: dict[str, list[Any]]) -> Any:
    """A request with one tensor of two rows."""
    return request((2,), datatype, "x0", **contents)


def rows(infer: Infer, message: Any) -> list[Any]:
    """Rows of a request, as lists."""
    found: list[Any] = infer.read(message.SerializeToString(), {}).rows.tolist()
    return found


def refusal(infer: Infer, message: Any) -> RefusedError:
    """Why a request is refused."""
    with pytest.raises(RefusedError) as caught:
        infer.read(message.SerializeToString(), {})
    return caught.value


TYPED: list[tuple[str, str, InputType, list[Any]]] = [
    ("BOOL", "bool_contents", "bool", [True, False]),
    ("INT8", "int_contents", "int64", [-128, 127]),
    ("INT16", "int_contents", "int64", [-32768, 32767]),
    ("INT32", "int_contents", "int64", [-(2**31), 2**31 - 1]),
    ("INT64", "int64_contents", "int64", [-(2**53 - 1), 2**53 - 1]),
    ("UINT8", "uint_contents", "int64", [0, 255]),
    ("UINT16", "uint_contents", "int64", [0, 65535]),
    ("UINT32", "uint_contents", "int64", [0, 2**32 - 1]),
    ("UINT64", "uint64_contents", "int64", [0, 2**53 - 1]),
    ("FP32", "fp32_contents", "float64", [0.5, -2.25]),
    ("FP64", "fp64_contents", "float64", [0.1, -1e300]),
    ("BYTES", "bytes_contents", "string", ["ä", ""]),
]
# struct's letters of the same types; FP16 is `e` (IEEE 754 binary16)
RAW = [
    ("BOOL", "?", "bool", [True, False]),
    ("INT8", "b", "int64", [-128, 127]),
    ("INT16", "h", "int64", [-32768, 32767]),
    ("INT32", "i", "int64", [-(2**31), 2**31 - 1]),
    ("INT64", "q", "int64", [-(2**53 - 1), 2**53 - 1]),
    ("UINT8", "B", "int64", [0, 255]),
    ("UINT16", "H", "int64", [0, 65535]),
    ("UINT32", "I", "int64", [0, 2**32 - 1]),
    ("UINT64", "Q", "int64", [0, 2**53 - 1]),
    ("FP16", "e", "float64", [0.5, -2.25]),
    ("FP32", "f", "float64", [0.5, -2.25]),
    ("FP64", "d", "float64", [0.1, -1e300]),
]


@pytest.mark.parametrize(("datatype", "field", "column", "values"), TYPED)
def test_each_datatype_has_its_field(datatype: str, field: str, column: InputType, values: list[Any]) -> None:
    """The text: "Representation for ... data type": the values arrive unchanged."""
    given = [each.encode() if isinstance(each, str) else each for each in values]
    found = rows(dialect(column), typed(datatype, {field: given}))
    assert found == [[each] for each in values]


@pytest.mark.parametrize(("datatype", "letter", "column", "values"), RAW)
def test_each_datatype_has_its_bytes(
    datatype: str, letter: str, column: InputType, values: list[Any]
) -> None:
    """The text: "Flattened, one-dimensional, row-major ... without any stride or padding", little-endian."""
    message = request(datatype=datatype)
    message.raw_input_contents.append(struct.pack(f"<2{letter}", *values))
    assert rows(dialect(column), message) == [[each] for each in values]


def test_bfloat16_is_the_upper_half_of_a_float32() -> None:
    """BF16 "must be represented as raw content"."""
    message = request(datatype="BF16")
    message.raw_input_contents.append(b"".join(struct.pack("<f", each)[2:] for each in (0.5, -3.0)))
    assert rows(dialect("float64"), message) == [[0.5], [-3.0]]


def test_raw_strings_carry_their_lengths() -> None:
    """BYTES: four bytes of length, little-endian, before each element."""
    message = request(datatype="BYTES")
    message.raw_input_contents.append(b"\x02\0\0\0\xc3\xa4\0\0\0\0")
    assert rows(dialect("string"), message) == [["ä"], [""]]


@pytest.mark.parametrize("datatype", ["FP16", "BF16"])
def test_halves_have_no_typed_contents(datatype: str) -> None:
    """The text: "There is no specific data type for a 16-bit float type"."""
    error = refusal(dialect("float64"), request(datatype=datatype, fp32_contents=[1, 2]))
    assert (error.status, error.reason) == (400, "type")


@pytest.mark.parametrize(("datatype", "field", "column", "values"), TYPED)
def test_contents_of_another_field_are_refused(
    datatype: str, field: str, column: InputType, values: list[Any]
) -> None:
    """The field must match the datatype, and be the only one."""
    other = {"fp64_contents": [1.0, 2.0]} if field != "fp64_contents" else {"fp32_contents": [1.0, 2.0]}
    assert refusal(dialect(column), typed(datatype, other)).status == 400
    given = [each.encode() if isinstance(each, str) else each for each in values]
    assert refusal(dialect(column), typed(datatype, {field: given, **other})).status == 400
    assert refusal(dialect(column), request(datatype=datatype)).status == 400


@pytest.mark.parametrize(
    ("datatype", "field", "value"),
    [("INT8", "int_contents", 128), ("INT8", "int_contents", -129), ("INT16", "int_contents", 32768),
     ("UINT8", "uint_contents", 256), ("UINT16", "uint_contents", 65536)],
)  # fmt: skip
def test_integers_beyond_their_datatype_are_refused(datatype: str, field: str, value: int) -> None:
    """A narrow integer in a wide field is not cut."""
    error = refusal(dialect("int64"), typed(datatype, {field: [0, value]}))
    assert (error.status, error.reason) == (400, "type")


@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_number_of_elements_is_that_of_the_shape(count: int) -> None:
    """The text: "The size must match what is expected by the tensor's shape"."""
    assert refusal(dialect("float64"), request(fp64_contents=[0.5] * count)).status == 400
    message = request()
    message.raw_input_contents.append(b"\0" * 8 * count)
    assert refusal(dialect("float64"), message).status == 400


@pytest.mark.parametrize("shape", [(), (0,), (-1,), (2, 0), (2, -1), (1, 1, 2), (2**62, 4), (2, 2)])
def test_shapes_that_are_none_are_refused(shape: tuple[int, ...]) -> None:
    """One or two dimensions from 1, whose product is what there is."""
    for message in (request(shape=shape, fp64_contents=[1, 2]), request(shape=shape)):
        if not message.inputs[0].HasField("contents"):
            message.raw_input_contents.append(b"\0" * 16)
        assert refusal(dialect("float64"), message).status == 400


def test_two_negative_dimensions_are_not_a_positive_number() -> None:
    """Their product is what there is, and they are no shape."""
    message = request((-1, -2), "FP64", "input-0", fp64_contents=[1, 2])
    assert refusal(dialect("float64", "float64"), message).status == 400


def test_a_signalling_nan_is_a_nan(recwarn: pytest.WarningsRecorder) -> None:
    """Bytes of a float32 that no JSON can hold are refused as not finite, without a warning."""
    message = request((2,), "FP32")
    message.raw_input_contents.append(b"\x00\x00\x81\x7f" * 2)
    assert refusal(dialect("float64"), message).reason == "not_finite"
    assert not recwarn


@pytest.mark.parametrize("raw", [b"\x02", b"\x02\x01"])
def test_truth_values_are_zero_or_one(raw: bytes) -> None:
    """A byte of BOOL is 0 or 1; anything else is not taken for true."""
    message = request(datatype="BOOL", shape=(len(raw),))
    message.raw_input_contents.append(raw)
    assert refusal(dialect("bool"), message).status == 400


@pytest.mark.parametrize(
    "raw", [b"", b"\x01", b"\x01\0\0\0", b"\x01\0\0\0ab", b"\xff\xff\xff\xffa", b"\x01\0\0\0\xff", b"\0" * 8]
)
def test_raw_strings_that_do_not_fit_are_refused(raw: bytes) -> None:
    """Lengths are believed only within the tensor's bytes; elements are UTF-8."""
    message = request(datatype="BYTES", shape=(1,))
    message.raw_input_contents.append(raw)
    assert refusal(dialect("string"), message).status == 400


def test_raw_and_typed_contents_exclude_each_other() -> None:
    """The text: "If this field is specified then InferInputTensor::contents must not be specified"."""
    message = request(fp64_contents=[1, 2])
    message.raw_input_contents.append(b"\0" * 16)
    assert refusal(dialect("float64"), message).status == 400
    message.inputs[0].contents.Clear()  # there, but empty
    assert refusal(dialect("float64"), message).status == 400


def test_raw_contents_are_one_for_each_input() -> None:
    """The text: "Must be initialized with data for each tensor in the same order as inputs"."""
    infer = dialect("float64", "float64")
    message = request(name="x1")
    message.inputs.add(name="x0", datatype="FP64", shape=[2])
    message.raw_input_contents.append(struct.pack("<2d", 1, 2))
    assert refusal(infer, message).status == 400
    message.raw_input_contents.append(struct.pack("<2d", 3, 4))
    assert rows(infer, message) == [[3, 1], [4, 2]]
    message.raw_input_contents.append(b"")
    assert refusal(infer, message).status == 400


@pytest.mark.parametrize("names", [[], ["x0"], ["x0", "x0"], ["x0", "x1", "x2"], ["x0", "other"]])
def test_inputs_are_those_of_the_model(names: list[str]) -> None:
    """Each column once, or all in one tensor; nothing is made up or left out."""
    message = pb.ModelInferRequest(model_name=MODEL.name)
    for name in names:
        tensor = message.inputs.add(name=name, datatype="FP64", shape=[1])
        tensor.contents.fp64_contents.append(1)
    assert refusal(dialect("float64", "float64"), message).status in {400, 422}


def test_a_tensor_holds_its_rows_one_after_another() -> None:
    """Row-major: the last dimension changes fastest."""
    message = request(name="input-0", shape=(2, 3), fp64_contents=[1, 2, 3, 4, 5, 6])
    assert rows(dialect("float64", "float64", "float64"), message) == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize("names", [["nothing"], ["predict", "predict"], ["predict", "probabilities", "x"]])
def test_outputs_that_are_none_are_refused(names: list[str]) -> None:
    """An unknown output is an error, not an empty answer."""
    message = request(fp64_contents=[1, 2])
    for name in names:
        message.outputs.add(name=name)
    assert refusal(dialect("float64"), message).status == 400


def test_parameters_and_unknown_fields_change_nothing() -> None:
    """The text: "Currently, no parameters are defined"; protobuf's rule for fields of a later version."""
    message = request(fp64_contents=[1, 2])
    message.parameters["x"].string_param = "y"
    message.inputs[0].parameters["x"].bool_param = True
    later = b"\xfa\x07\x03abc"  # field 127, length-delimited
    body = message.SerializeToString() + later
    assert dialect("float64").read(body, {}).rows.tolist() == [[1], [2]]


@pytest.mark.parametrize(
    ("classes", "labels", "field", "raw"),
    [
        ((3, 5), np.array([5, 3]), "int64_contents", struct.pack("<2q", 5, 3)),
        ((0.5, 1.5), np.array([1.5, 0.5]), "fp64_contents", struct.pack("<2d", 1.5, 0.5)),
        ((False, True), np.array([True, False]), "bool_contents", b"\x01\x00"),
        (("a", "ä"), np.array(["ä", "a"]), "bytes_contents", b"\x02\0\0\0\xc3\xa4\x01\0\0\0a"),
    ],
)
def test_answers_have_the_datatype_of_their_labels(
    classes: tuple[Any, ...], labels: Any, field: str, raw: bytes
) -> None:
    """Both forms of an answer, by struct."""
    infer = dialect("float64", classes=classes)
    answers = Answers(labels, np.array([[0.25, 0.75], [1, 0]]))
    message = request(fp64_contents=[1, 2])
    found = _answer(infer, message, answers)
    expected = [each.encode() if isinstance(each, str) else each for each in labels.tolist()]
    assert list(getattr(found.outputs[0].contents, field)) == expected
    assert list(found.outputs[1].contents.fp64_contents) == [0.25, 0.75, 1, 0]
    message = request()
    message.raw_input_contents.append(b"\0" * 16)
    found = _answer(infer, message, answers)
    assert list(found.raw_output_contents) == [raw, struct.pack("<4d", 0.25, 0.75, 1, 0)]


def _answer(infer: Infer, message: Any, answers: Answers) -> Any:
    question: Question = infer.read(message.SerializeToString(), {})
    return pb.ModelInferResponse.FromString(infer.write(question, answers, "id").body)


def test_a_message_by_hand_is_read_as_the_proto_says() -> None:
    """Field numbers from the text of the .proto: 1 model_name, 3 id, 5 inputs, 7 raw_input_contents."""
    shape = b"\x1a\x02\x01\x01"  # inputs.shape = 3, packed
    tensor = b"\x0a\x02x0" + b"\x12\x04FP64" + shape
    body = b"\x0a\x05small" + b"\x1a\x01i" + b"\x2a" + bytes([len(tensor)]) + tensor
    body += b"\x3a\x08" + struct.pack("<d", 2.5)
    question = dialect("float64").read(body, {})
    assert question.rows.tolist() == [[2.5]]
    assert question.note.id == "i"
