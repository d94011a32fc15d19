"""The binary tensor data extension; docs/protocols.md says which sentence each test is of.

Bytes are made and read with `struct`, never with what the pod uses.
"""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import numpy as np
import orjson
import pytest
from tests.unit.serving.protocols import pod as pods
from tests.unit.serving.protocols.pod import JSON, LENGTH, NAME, Pod

from ekiben.serving.answer import Answer
from ekiben.serving.predictor import Answers

INFER = f"/v2/models/{NAME}/infer"
OCTETS = b"application/octet-stream"
FORMATS = {
    "FP64": "d", "FP32": "f", "FP16": "e", "INT64": "q", "INT32": "i", "INT16": "h", "INT8": "b",
    "UINT64": "Q", "UINT32": "I", "UINT16": "H", "UINT8": "B", "BOOL": "?",
}  # fmt: skip


def packed(kind: str, values: list[Any]) -> bytes:
    """Values in little-endian order; BYTES behind their lengths; BF16 as the upper half of a float32."""
    if kind == "BYTES":
        return b"".join(struct.pack("<I", len(each.encode())) + each.encode() for each in values)
    if kind == "BF16":
        return b"".join(struct.pack("<f", each)[2:] for each in values)
    return struct.pack(f"<{len(values)}{FORMATS[kind]}", *values)


def part(kind: str, shape: list[int], size: int, name: str = "input-0") -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": kind, "parameters": {"binary_data_size": size}}


def send(pod: Pod, document: Any, raw: bytes, *, length: bytes | None = None, kind: bytes = OCTETS) -> Answer:
    """Send a JSON object and the bytes behind it."""
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    headers = {b"content-type": kind, LENGTH: str(len(text)).encode() if length is None else length}
    return pod.ask(INFER, text + raw, headers)


def rows(pod: Pod, document: Any, raw: bytes) -> list[Any]:
    """What the predictor would get."""
    text = orjson.dumps(document)
    dialect = pod.routes.by_path[INFER].dialect
    assert dialect is not None
    headers = {b"content-type": OCTETS, LENGTH: str(len(text)).encode()}
    found: list[Any] = dialect.read(text + raw, headers).rows.tolist()
    return found


def opened(answer: Answer) -> tuple[Any, bytes]:
    """JSON object and bytes of an answer."""
    assert (answer.status, answer.content_type) == (200, OCTETS), answer.body
    length = int(dict(answer.headers)[LENGTH])
    return orjson.loads(answer.body[:length]), answer.body[length:]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("FP64", [0.1, -1e300, 5e-324, 3.0]), ("FP32", [0.5, -1.5, 2**-149, 3.0]),
        ("FP16", [0.5, -1.5, 65504.0, 2**-24]),
        ("BF16", [0.5, -1.5, 2.0**127, 3.140625]), ("INT64", [-(2**63), 2**53, 0, 1]),
        ("INT32", [-(2**31), 2**31 - 1, 0, 1]),
        ("INT16", [-(2**15), 2**15 - 1, 0, 1]), ("INT8", [-128, 127, 0, 1]), ("UINT64", [2**53, 0, 1, 2]),
        ("UINT32", [2**32 - 1, 0, 1, 2]), ("UINT16", [2**16 - 1, 0, 1, 2]), ("UINT8", [255, 0, 1, 2]),
    ],
)  # fmt: skip
def test_every_number_in_its_native_size(flowers: Pod, kind: str, values: list[Any]) -> None:
    """Two rows, row-major and little-endian, are the numbers that were packed."""
    data = [*values, *values[::-1]]
    raw = packed(kind, data)
    found = rows(flowers, {"inputs": [part(kind, [2, 4], len(raw))]}, raw)
    assert found == [[float(each) for each in values], [float(each) for each in values[::-1]]]


def mixed_parts(rows: list[list[Any]]) -> tuple[list[dict[str, Any]], bytes]:
    """One tensor of bytes for each column of the mixed pod, the last column first."""
    kinds = {"colour": "BYTES", "flag": "BOOL", "whole": "INT64", "real": "FP64"}
    names = ["real", "whole", "flag", "colour"]
    parts, chunks = [], []
    for name, kind in kinds.items():
        chunk = packed(kind, [row[names.index(name)] for row in rows])
        parts.append(part(kind, [len(rows)], len(chunk), name))
        chunks.append(chunk)
    return parts, b"".join(chunks)


def test_truth_values_and_strings(mixed: Pod) -> None:
    """BOOL is a byte 0 or 1; BYTES is 4 bytes of length and UTF-8; bytes are in the order of the inputs."""
    given = mixed.rows[:5].tolist()
    parts, raw = mixed_parts(given)
    assert rows(mixed, {"inputs": parts}, raw) == given


def test_json_and_bytes_in_one_request(mixed: Pod) -> None:
    """Inputs in JSON take no bytes from those that follow."""
    given = mixed.rows[:3].tolist()
    parts, _ = mixed_parts(given)
    parts[1] = {"name": "flag", "shape": [3], "datatype": "BOOL", "data": [row[2] for row in given]}
    raw = packed("BYTES", [row[3] for row in given]) + packed("INT64", [row[1] for row in given])
    raw += packed("FP64", [row[0] for row in given])
    assert rows(mixed, {"inputs": parts}, raw) == given


def test_json_alone_may_have_the_header(flowers: Pod) -> None:
    """The header is then the length of the body; the answer is JSON."""
    document = {"inputs": [{"name": "input-0", "shape": [1, 4], "datatype": "FP64", "data": [1, 2, 3, 4]}]}
    plain = flowers.ask(INFER, orjson.dumps(document))
    for kind in (OCTETS, b"application/json", b""):
        assert send(flowers, document, b"", kind=kind) == plain


@pytest.mark.parametrize(
    ("parameters", "outputs", "binary"),
    [
        ({"binary_data_output": True}, None, [True, True]),
        ({"binary_data_output": False}, None, [False, False]),
        ({}, [{"name": "predict", "parameters": {"binary_data": True}}, {"name": "probabilities"}],
         [True, False]),
        ({"binary_data_output": True},
         [{"name": "predict", "parameters": {"binary_data": False}}, {"name": "probabilities"}],
         [False, True]),
        ({"binary_data_output": False}, [{"name": "probabilities", "parameters": {"binary_data": True}}],
         [True]),
        ({"binary_data_output": True}, [], [True, True]),
        ({"binary_data_output": True}, [{"name": "probabilities"}, {"name": "predict"}], [True, True]),
    ],
)  # fmt: skip
def test_outputs_in_bytes(flowers: Pod, parameters: Any, outputs: Any, binary: list[bool]) -> None:
    """`binary_data_output` asks for all, `binary_data` of an output wins; the numbers are those of JSON."""
    request = {
        "inputs": [
            {"name": "input-0", "shape": [3, 4], "datatype": "FP64", "data": flowers.rows[:3].tolist()}
        ]
    }
    names = [each["name"] for each in outputs or ({"name": "predict"}, {"name": "probabilities"})]
    plain = {each["name"]: each for each in flowers.post(INFER, request)["outputs"]}
    answer = flowers.ask(INFER, orjson.dumps({**request, "parameters": parameters, "outputs": outputs}))
    if not any(binary):
        assert (answer.content_type, dict(answer.headers)) == (b"application/json", {})
        return
    document, raw = opened(answer)
    assert [each["name"] for each in document["outputs"]] == names
    for each, in_bytes in zip(document["outputs"], binary, strict=True):
        expected = plain[each["name"]]
        if not in_bytes:
            assert each == expected
            continue
        size = each["parameters"]["binary_data_size"]
        data = list(struct.unpack(f"<{size // 8}{FORMATS[expected['datatype']]}", raw[:size]))
        assert {**each, "data": data} == {**expected, "parameters": {"binary_data_size": size}}
        raw = raw[size:]
    assert raw == b""


def test_labels_in_bytes() -> None:
    """Labels that are strings come behind their lengths."""
    pod = pods.flowers(("ä", "b", ""))
    request = {
        "inputs": [{"name": "input-0", "shape": [9, 4], "datatype": "FP64", "data": pod.rows[:9].tolist()}],
        "outputs": [{"name": "predict", "parameters": {"binary_data": True}}],
    }
    document, raw = opened(pod.ask(INFER, orjson.dumps(request)))
    assert raw == packed("BYTES", pod.estimator.predict(pod.rows[:9]).tolist())
    assert document["outputs"][0]["parameters"] == {"binary_data_size": len(raw)}


def test_nan_is_carried_in_bytes_only(flowers: Pod) -> None:
    """Bytes can hold what JSON cannot; an answer that has both forms must still be JSON."""
    dialect = flowers.routes.by_path[INFER].dialect
    assert dialect is not None
    request: dict[str, Any] = {
        "inputs": [{"name": "input-0", "shape": [1, 4], "datatype": "FP64", "data": [0] * 4}]
    }
    answers = Answers(np.array([1]), np.array([[0.5, math.nan, 0.5]]))
    every = dialect.read(orjson.dumps({**request, "parameters": {"binary_data_output": True}}), JSON)
    assert math.isnan(struct.unpack("<3d", opened(dialect.write(every, answers, ""))[1][8:])[1])
    some = {
        **request,
        "outputs": [{"name": "predict", "parameters": {"binary_data": True}}, {"name": "probabilities"}],
    }
    with pytest.raises(ValueError, match="not finite"):
        dialect.write(dialect.read(orjson.dumps(some), JSON), answers, "")


def test_a_raw_row(flowers: Pod) -> None:
    """A header length of 0: the body is one row, and all outputs are bytes."""
    row = flowers.rows[:1]
    document, raw = opened(send(flowers, b"", packed("FP64", row[0].tolist()), length=b"0"))
    assert document["id"] == "id-1"
    assert struct.unpack("<q3d", raw) == (
        flowers.estimator.predict(row)[0],
        *flowers.estimator.predict_proba(row)[0].tolist(),
    )


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_raw_requests_are_one_row(flowers: Pod, size: int) -> None:
    """Bytes for less, more or two rows are refused."""
    assert send(flowers, b"", bytes(size), length=b"0").status == 400


def test_raw_requests_need_a_single_input(mixed: Pod) -> None:
    """A model of several inputs refuses them."""
    assert send(mixed, b"", bytes(8), length=b"0").status == 400


@pytest.mark.parametrize(
    ("length", "why"),
    [
        *((each, "Inference-Header-Content-Length") for each in (
            b"", b"-1", b"+5", b" 5", b"0x5", b"1e2", b"99999", b"9" * 30, b"9" * 5000, b"\xb2", b"5.0",
        )),
        (b"1", "a JSON document"), (b"100", "a JSON document"),
    ],
)  # fmt: skip
def test_wrong_header_lengths(flowers: Pod, length: bytes, why: str) -> None:
    """A length that is no number, that the body has not, or that is not the object's is refused."""
    raw = packed("FP64", [1, 2, 3, 4])
    answer = send(flowers, {"inputs": [part("FP64", [1, 4], 32)]}, raw, length=length)
    assert answer.status == 400
    assert why in orjson.loads(answer.body)["error"]


def test_the_header_is_needed_where_bytes_are(flowers: Pod) -> None:
    """Without it a body with bytes is not JSON, and an input without data has none."""
    text, raw = orjson.dumps({"inputs": [part("FP64", [1, 4], 32)]}), packed("FP64", [1, 2, 3, 4])
    assert flowers.ask(INFER, text + raw).status == 400
    assert b"expected 32 bytes of data, found 0" in flowers.ask(INFER, text).body
    assert flowers.ask(INFER, text + raw, {b"content-type": OCTETS}).status == 415


@pytest.mark.parametrize(
    ("described", "raw"),
    [
        (part("FP64", [1, 4], 32), bytes(31)), (part("FP64", [1, 4], 32), bytes(33)),
        (part("FP64", [1, 4], 31), bytes(31)),
        (part("FP64", [1, 4], 24), bytes(32)), (part("FP64", [2, 4], 32), bytes(32)),
        (part("FP64", [2**63, 4], 32), bytes(32)),
        (part("FP64", [1, 4], -32), bytes(32)), (part("FP64", [1, 4], True), bytes(1)),
        (part("FP64", [1, 4], 2**70), bytes(32)),
        ({**part("FP64", [1, 4], 32), "data": [1, 2, 3, 4]}, bytes(32)), (part("FP64", [1, 4], 0), b""),
        ({**part("FP64", [1, 4], 32), "parameters": {"binary_data_size": 32.0}}, bytes(32)),
        ({**part("FP64", [1, 4], 32), "parameters": {"binary_data_size": "32"}}, bytes(32)),
        ({**part("FP64", [1, 4], 32), "parameters": {"binary_data_size": None}}, bytes(32)),
        (part("INT64", [1, 4], 32), bytes(32) + b"x"), (part("BOOL", [1, 4], 4), bytes(4)),
    ],
)  # fmt: skip
def test_sizes_are_those_of_the_shape(flowers: Pod, described: Any, raw: bytes) -> None:
    """Too few bytes, too many, a size that is none, both forms at once: refused."""
    assert send(flowers, {"inputs": [described]}, raw).status == 400


GOOD = b"\4\0\0\0bl\xc3\xa5"  # a category


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "1 elements in 0 bytes"), (b"\1", "1 elements in 1 bytes"),
        (b"\0\0\0", "1 elements in 3 bytes"),
        (GOOD[:-1], "1 elements in 7 bytes"), (GOOD[:-2], "1 elements in 6 bytes"),
        (GOOD[:4], "1 elements in 4 bytes"),
        (b"\xff\xff\xff\xff" + GOOD[4:], "1 elements in 8 bytes"), (GOOD + b"x", "1 elements in 9 bytes"),
        (GOOD + b"\0\0\0\0", "1 elements in 12 bytes"), (GOOD + GOOD, "1 elements in 16 bytes"),
        (b"\3\0\0\0bl\xc3", "UTF-8"), (b"\1\0\0\0\xff", "UTF-8"),
    ],
)  # fmt: skip
def test_broken_strings(mixed: Pod, raw: bytes, why: str) -> None:
    """Lengths beyond the tensor, half a length, too many elements, what is not UTF-8: refused as such."""
    good, chunk = mixed_parts(mixed.rows[1:2].tolist())
    rest = chunk[good[0]["parameters"]["binary_data_size"] :]
    for sent, refused in ((GOOD, False), (raw, True)):
        colour = part("BYTES", [1], len(sent), "colour")
        first = send(mixed, {"inputs": [colour, *good[1:]]}, sent + rest)
        last = send(mixed, {"inputs": [*good[1:], colour]}, rest + sent)
        assert (first.status == 400, last.status == 400) == (refused, refused)
    assert all(why in orjson.loads(answer.body)["error"] for answer in (first, last))


def test_strings_do_not_reach_into_the_next_tensor(mixed: Pod) -> None:
    """A length is bounded by its own tensor, although the body has more bytes that are UTF-8."""
    good, chunk = mixed_parts(mixed.rows[1:2].tolist())
    assert chunk[8:9] == b"\0"
    answer = send(mixed, {"inputs": good}, b"\5" + chunk[1:])
    assert answer.status == 400
    assert b"expected 1 elements in 8 bytes and no byte more" in answer.body


@pytest.mark.parametrize("byte", [b"\2", b"\xff"])
def test_other_truth_values(mixed: Pod, byte: bytes) -> None:
    """Only 0 and 1 are truth values."""
    good, _ = mixed_parts(mixed.rows[:1].tolist())
    row = mixed.rows[0].tolist()
    raw = packed("BYTES", [row[3]]) + byte + packed("INT64", [row[1]]) + packed("FP64", [row[0]])
    answer = send(mixed, {"inputs": good}, raw)
    assert answer.status == 400
    assert b"expected a byte 0 or 1" in answer.body


@pytest.mark.parametrize("kind", ["FP64", "FP32", "FP16", "BF16"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_not_finite(flowers: Pod, kind: str, value: float) -> None:
    """Bytes can say NaN and infinity; this schema takes neither."""
    raw = packed(kind, [0.0, 0.0, value, 0.0])
    answer = send(flowers, {"inputs": [part(kind, [1, 4], len(raw))]}, raw)
    assert answer.status == 400
    assert b"/inputs/0/data/2" in answer.body


def test_real_numbers_are_no_integers(mixed: Pod) -> None:
    """FP64 bytes do not fit a column of integers."""
    good, _ = mixed_parts(mixed.rows[:1].tolist())
    row = mixed.rows[0].tolist()
    good[2] = part("FP64", [1], 8, "whole")
    raw = packed("BYTES", [row[3]]) + packed("BOOL", [row[2]]) + packed("FP64", [1.0, row[0]])
    assert send(mixed, {"inputs": good}, raw).status == 400


@pytest.mark.parametrize("where", ["parameters", "outputs"])
@pytest.mark.parametrize("value", ["true", 1, 0])
def test_wishes_for_bytes_are_truth_values(flowers: Pod, where: str, value: Any) -> None:
    """`binary_data_output` and `binary_data` are true or false."""
    request: dict[str, Any] = {
        "inputs": [{"name": "input-0", "shape": [1, 4], "datatype": "FP64", "data": [0] * 4}]
    }
    if where == "parameters":
        request["parameters"] = {"binary_data_output": value}
    else:
        request["outputs"] = [{"name": "predict", "parameters": {"binary_data": value}}]
    assert "expected true or false" in flowers.refused(INFER, request)
