"""Bytes that nobody meant, on the `grpc` port: no crash, no fault of the server's, no wrong acceptance.

How many cases: `EKIBEN_FUZZ_CASES` (a long run: 100000).
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from tests.serving.rpc import (
    DATA,
    END_HEADERS,
    END_STREAM,
    FOREST,
    HEADERS,
    PREFACE,
    ROWS,
    SERVICE,
    SETTINGS,
    Port,
    call,
    frame,
    head,
    infer,
    message,
    running,
    table,
)  # fmt: skip

from ekiben.serving.rpc.generated import open_inference_grpc_pb2 as pb

CASES = int(os.environ.get("EKIBEN_FUZZ_CASES", "150"))
FUZZ = settings(
    max_examples=CASES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    database=None,
)
# What a client did wrong; never UNKNOWN, INTERNAL or UNAVAILABLE.
CLIENTS_FAULT = {
    grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND, grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.UNIMPLEMENTED,
}  # fmt: skip


def _raw() -> bytes:
    request = pb.ModelInferRequest(model_name="small", id="x", raw_input_contents=[ROWS[:2].tobytes()])
    request.inputs.add(name="input-0", datatype="FP64", shape=[2, 3])
    return bytes(request.SerializeToString())


def _columns() -> bytes:
    request = pb.ModelInferRequest(model_name="small", model_version="0123456789abcdef")
    request.parameters["p"].int64_param = 3
    for place, name in enumerate("abc"):
        tensor = request.inputs.add(name=name, datatype="FP32", shape=[2, 1])
        tensor.contents.fp32_contents.extend(ROWS[:2, place].tolist())
    request.outputs.add(name="predict")
    return bytes(request.SerializeToString())


SEEDS = [table(ROWS[:2]).SerializeToString(), _raw(), _columns()]


@pytest.fixture(scope="module")
def port() -> Iterator[Port]:
    """One port for all cases; at the end it must still answer, and have ended every visit once."""
    with running(most_body_bytes=100_000) as found:
        yield found
        with found.channel() as channel:
            assert infer(channel, table(ROWS[:1])).model_name == "small"
        assert {len(each.ended) for each in found.gate.visits} == {1}
        assert {each.ended[0] for each in found.gate.visits} <= {200, 400, 404, 408, 413, 422, 499, 501}


@pytest.fixture(scope="module")
def channel(port: Port) -> Iterator[grpc.Channel]:
    """One channel for all cases."""
    with port.channel() as found:
        yield found


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A request with a few bytes changed, put in, left out, cut off or swapped with another's."""
    body = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(len(body) - 1, 0)))
        kind = draw(st.integers(0, 4))
        if kind == 0 and body:
            body[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == 1:
            body[at:at] = draw(st.binary(max_size=8))
        elif kind == 2:
            del body[at : at + draw(st.integers(1, 8))]
        elif kind == 3:
            del body[at:]
        else:
            other = draw(st.sampled_from(SEEDS))
            body[at:] = other[draw(st.integers(0, len(other) - 1)) :]
    return bytes(body)


_FIELDS = {
    "bool_contents": st.booleans(), "int_contents": st.integers(-(2**31), 2**31 - 1),
    "int64_contents": st.integers(-(2**63), 2**63 - 1), "uint_contents": st.integers(0, 2**32 - 1),
    "uint64_contents": st.integers(0, 2**64 - 1), "fp32_contents": st.floats(width=32),
    "fp64_contents": st.floats(), "bytes_contents": st.binary(max_size=6),
}  # fmt: skip
_TYPES = [
    "FP64",
    "FP32",
    "FP16",
    "BF16",
    "INT8",
    "INT16",
    "INT32",
    "INT64",
    "UINT8",
    "UINT64",
    "BOOL",
    "BYTES",
    "",
    "fp64",
]


_FIELD_OF = {
    "FP64": "fp64_contents", "FP32": "fp32_contents", "INT8": "int_contents", "INT32": "int_contents",
    "INT64": "int64_contents", "UINT8": "uint_contents", "UINT64": "uint64_contents", "BOOL": "bool_contents",
}  # fmt: skip
_WIDTHS = {"FP16": 2, "BF16": 2, "INT8": 1, "UINT8": 1, "INT16": 2, "FP32": 4, "INT32": 4}


@st.composite
def built(draw: st.DrawFn) -> bytes:
    """A message of the right type with any values; often its parts fit each other."""
    request = pb.ModelInferRequest(model_name=draw(st.sampled_from(["small"] * 9 + ["x"])))
    names = draw(st.sampled_from([["input-0"], ["c", "a", "b"], ["input-0"], ["a"], ["x", "x"], []]))
    rows, raw = draw(st.integers(1, 3)), draw(st.booleans())
    for name in names:
        tensor = request.inputs.add(name=name, datatype=draw(st.sampled_from(_TYPES)))
        shape = [rows, 3] if name == "input-0" else [rows]
        if draw(st.integers(0, 9)) == 0:
            shape = draw(st.lists(st.sampled_from([1, 2, 3, 0, -1, 2**40, 2**62]), max_size=3))
        tensor.shape.extend(shape)
        count = min(max(int(np.prod(shape)), 0), 9) if len(shape) < 3 else 1
        if raw:
            size = count * _WIDTHS.get(tensor.datatype, 8)
            request.raw_input_contents.append(draw(st.binary(min_size=size, max_size=size)))
        if not raw or draw(st.integers(0, 9)) == 0:
            field = _FIELD_OF.get(tensor.datatype) or draw(st.sampled_from(sorted(_FIELDS)))
            values = draw(
                st.lists(_FIELDS[field], min_size=count, max_size=count + draw(st.integers(0, 9)) // 9)
            )
            getattr(tensor.contents, field).extend(values)
    for name in draw(
        st.sampled_from([[], [], ["predict"], ["x"], ["probabilities", "predict"], ["predict"] * 2])
    ):
        request.outputs.add(name=name)
    return bytes(request.SerializeToString())


def answered(channel: grpc.Channel, method: str, body: bytes) -> Any:
    """The answer's bytes; None if there is none, which must be the client's fault."""
    try:
        return call(channel, method, body)
    except grpc.RpcError as error:
        code, details = error.code(), error.details()
    event(str(code))
    assert code in CLIENTS_FAULT, (code, details)
    return None


def judged(channel: grpc.Channel, body: bytes) -> None:
    """Send a request: it is the client's fault, or its answer is scikit-learn's for what it says."""
    answer = answered(channel, "ModelInfer", body)
    if answer is None:
        return
    event("answered")
    request = pb.ModelInferRequest.FromString(body)
    rows = np.column_stack([_values(request, place) for place in _order(request)])
    assert rows.shape[1] == 3
    assert np.isfinite(rows).all()
    expected = {"predict": FOREST.predict(rows), "probabilities": FOREST.predict_proba(rows)}
    answer = pb.ModelInferResponse.FromString(answer)
    names = [each.name for each in request.outputs] or ["predict", "probabilities"]
    assert [each.name for each in answer.outputs] == names
    for place, output in enumerate(answer.outputs):
        if request.raw_input_contents:
            found: Any = np.frombuffer(
                answer.raw_output_contents[place], "<i8" if output.name == "predict" else "<f8"
            )
        else:
            found = [*output.contents.int64_contents, *output.contents.fp64_contents]
        assert np.array_equal(found, expected[output.name].ravel())


def _order(request: Any) -> list[int]:
    """Places of the inputs, in the order of the columns."""
    names = [each.name for each in request.inputs]
    return [0] if names == ["input-0"] else [names.index(name) for name in "abc"]


def _values(request: Any, place: int) -> Any:
    """Values of an input in its shape, by the text of the protocol."""
    tensor = request.inputs[place]
    codes = {"FP64": "<f8", "FP32": "<f4", "FP16": "<f2", "INT8": "<i1", "INT16": "<i2", "INT32": "<i4",
             "INT64": "<i8", "UINT8": "<u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8"}  # fmt: skip
    if request.raw_input_contents:
        raw = request.raw_input_contents[place]
        if tensor.datatype == "BF16":
            values = np.frombuffer(b"".join(b"\0\0" + raw[i : i + 2] for i in range(0, len(raw), 2)), "<f4")
        else:
            values = np.frombuffer(raw, codes[tensor.datatype])
    else:
        ((field, given),) = tensor.contents.ListFields()
        assert field.name.split("_")[0].upper() in (tensor.datatype, "INT", "UINT")
        values = np.array(list(given), dtype=codes[tensor.datatype])
    return values.reshape(tuple(tensor.shape)).astype(float)


@FUZZ
@given(body=mutated())
def test_mutated_requests_are_the_clients_fault_or_answered_right(channel: grpc.Channel, body: bytes) -> None:
    """A few bytes of a good request are changed."""
    judged(channel, body)


@FUZZ
@given(body=built())
def test_any_values_in_a_request_are_the_clients_fault_or_answered_right(
    channel: grpc.Channel, body: bytes
) -> None:
    """Every field has a value of its type, none needs to fit another."""
    judged(channel, body)


@FUZZ
@given(
    body=st.binary(max_size=64),
    method=st.sampled_from(
        ["ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata", "Nothing"]
    ),
)
def test_any_bytes_to_the_other_methods_are_the_clients_fault_or_answered(
    channel: grpc.Channel, body: bytes, method: str
) -> None:
    """Methods that are answered from memory."""
    answered(channel, method, body)


@settings(FUZZ, max_examples=max(CASES // 3, 1))
@given(seed=st.integers(0, 2**32), flips=st.integers(0, 12))
def test_mutated_frames_end_their_own_connection_at_most(port: Port, seed: int, flips: int) -> None:
    """HTTP/2 with bits changed, pieces twice or left out: other connections are served on."""
    chance = random.Random(seed)  # noqa: S311 - cases, not secrets
    path = (SERVICE + "ModelInfer").encode()
    parts = [PREFACE, frame(SETTINGS, 0, 0)]
    for stream in (1, 3, 5):
        parts += [
            frame(HEADERS, END_HEADERS, stream, head(path, (b"x", chance.randbytes(3)))),
            frame(DATA, END_STREAM, stream, message(chance.choice(SEEDS))),
        ]
    for _ in range(chance.randrange(3)):
        parts.insert(chance.randrange(1, len(parts)), chance.choice(parts))
    sent = bytearray(b"".join(parts))
    for _ in range(flips):
        sent[chance.randrange(len(PREFACE), len(sent))] ^= 1 << chance.randrange(8)
    with port.connect() as connection, contextlib.suppress(ConnectionError, TimeoutError):
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(2)
        while connection.recv(65_536):
            pass
    with port.channel() as channel:
        assert call(channel, "ServerLive") == b"\x08\x01"
