"""Whatever comes, a dialect reads it or refuses it with a 4xx, and what it reads it can answer.

`EKIBEN_TORTURE_CASES` makes each test longer, `EKIBEN_TORTURE_SEED` repeats a run.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from tests.unit.serving.protocols.pod import JSON, LENGTH, MOST_ROWS, NAME, Pod

from ekiben.serving import exchange
from ekiben.serving.answer import Answer
from ekiben.serving.exchange import Dialect, Question
from ekiben.serving.explanation.explained import Explained, Summary
from ekiben.serving.predictor import Answers
from ekiben.serving.problem import RefusedError
from ekiben.serving.protocols.routes import endpoints
from ekiben.serving.validation import Validator

CASES = int(os.environ.get("EKIBEN_TORTURE_CASES", "60"))
SEED = os.environ.get("EKIBEN_TORTURE_SEED")
PATHS = ("/predict", f"/v1/models/{NAME}:predict", f"/v2/models/{NAME}/infer", "/invocations")
EXPLAINING = ("/explain", f"/v1/models/{NAME}:explain")
KINDS = (b"application/json", b"application/octet-stream", b"text/csv", b"text/csv; header=absent", b"")
Case = tuple[bytes, Mapping[bytes, bytes]]

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["input-0", "real", "colour", "blå", "FP64", "BYTES", "predict", "", "a:b"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)
HEADERS = st.dictionaries(
    st.sampled_from([b"content-type", b"accept", LENGTH, b"content-encoding"]),
    st.one_of(st.sampled_from([*KINDS, b"0", b"10", b"*/*"]), st.binary(max_size=20)),
)


def asked(dialect: Dialect, case: Case) -> Question | RefusedError:
    """What a dialect makes of a request; any other exception is a defect."""
    try:
        return dialect.read(*case)
    except RefusedError as error:
        return error


def check(pod: Pod, dialect: Dialect, case: Case) -> None:
    """One request."""
    question = asked(dialect, case)
    if isinstance(question, RefusedError):
        assert 400 <= question.status < 500
        answer = dialect.refuse(question, "id-1")
        assert 400 <= answer.status < 500
        assert answer.body
        return
    rows = question.rows
    assert 1 <= len(rows) <= MOST_ROWS
    assert rows.shape == (len(rows), len(pod.schema.inputs))
    if pod.schema.numeric:
        assert rows.dtype == np.float64
        assert np.isfinite(rows).all()
        answers = Answers(np.zeros(len(rows), dtype=np.int64), np.full((len(rows), 3), 1 / 3))
    else:
        kinds = [(float, int), int, bool, str]
        assert all(isinstance(value, kinds[i % 4]) for i, value in enumerate(rows.ravel()))  # type: ignore[arg-type]
        answers = Answers(np.zeros(len(rows)), None)
    assert dialect.write(question, answers, "id-1").status == 200


class Explaining:
    """A dialect of explanations, asked as one of predictions: each row gets the same contributions."""

    def __init__(self, explaining: exchange.Explaining, width: int) -> None:
        self.read, self.refuse = explaining.read, explaining.refuse
        self._explaining, self._width = explaining, width

    def write(self, question: Question, answers: Answers, request_id: str) -> Answer:
        rows = len(question.rows)
        explained = Explained(np.full((rows, self._width, 3), 0.25), np.full((rows, 3), 0.5))
        return self._explaining.write(question, answers, np.zeros(3), explained, request_id)


def dialect_of(pod: Pod, path: str) -> Dialect:
    """What reads and writes on a path."""
    if path not in EXPLAINING:
        found = pod.routes.by_path[path].dialect
        assert found is not None
        return found
    served = dataclasses.replace(pod.served, explanation=Summary("trees", "share", 3))
    live: Any = lambda _: pod.ready  # noqa: E731 - a reply
    routes = endpoints(
        served, Validator(pod.schema, MOST_ROWS), version="1", live=live, ready=live,
        most_explained_rows=MOST_ROWS,
    )  # fmt: skip
    explaining = routes.by_path[path].explaining
    assert explaining is not None
    return Explaining(explaining, len(pod.names))


def run(pod: Pod, path: str, cases: st.SearchStrategy[Case]) -> None:
    """Many requests to one path."""
    dialect = dialect_of(pod, path)

    @settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(cases)
    def each(case: Case) -> None:
        check(pod, dialect, case)

    (each if SEED is None else seed(int(SEED))(each))()


@pytest.mark.parametrize("name", ["flowers", "mixed"])
@pytest.mark.parametrize("path", PATHS + EXPLAINING)
def test_any_bytes(path: str, name: str, request: pytest.FixtureRequest) -> None:
    """Bytes and headers that mean nothing."""
    bodies = st.one_of(
        st.binary(max_size=200), VALUES.map(orjson.dumps), st.text(max_size=80).map(str.encode)
    )
    run(request.getfixturevalue(name), path, st.tuples(bodies, HEADERS))


def replaced(document: Any, path: list[int], value: Any) -> Any:
    """A document with one of its parts replaced, or left out."""
    if not path or not isinstance(document, dict | list) or not document:
        return value
    keys = list(document) if isinstance(document, dict) else list(range(len(document)))
    key = keys[path[0] % len(keys)]
    copy: Any = document.copy()
    if path[0] > 40:
        del copy[key]
    else:
        copy[key] = replaced(document[key], path[1:], value)
    return copy


@st.composite
def changed(draw: st.DrawFn, documents: list[Any]) -> Case:
    """A good request with some of its parts replaced."""
    document = draw(st.sampled_from(documents))
    for _ in range(draw(st.integers(0, 2))):
        document = replaced(document, draw(st.lists(st.integers(0, 45), max_size=5)), draw(VALUES))
    return orjson.dumps(document), JSON


@st.composite
def mutated(draw: st.DrawFn, requests: list[Case]) -> Case:
    """A good request with some of its bytes replaced, and perhaps another length."""
    body, headers = draw(st.sampled_from(requests))
    for _ in range(draw(st.integers(0, 2))):
        start, size = draw(st.integers(0, len(body))), draw(st.integers(0, 8))
        body = body[:start] + draw(st.binary(max_size=8)) + body[start + size :]
    if draw(st.booleans()):
        headers = {**headers, LENGTH: str(draw(st.integers(0, len(body) + 2))).encode()}
    return body, headers


def binary(parts: list[tuple[str, list[int], str, bytes]]) -> Case:
    """A request whose tensors are bytes."""
    inputs = [
        {"name": name, "shape": shape, "datatype": kind, "parameters": {"binary_data_size": len(raw)}}
        for name, shape, kind, raw in parts
    ]
    text = orjson.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}})
    headers = {b"content-type": b"application/octet-stream", LENGTH: str(len(text)).encode()}
    return text + b"".join(raw for _, _, _, raw in parts), headers


FLOWERS: list[Any] = [
    {"instances": [[1, 2, 3, 4.5]] * 2},
    {"instances": [{"sl": 1, "sw": 2, "pl": 3, "pw": 4}]},
    {"inputs": {"sl": [1], "sw": [2], "pl": [3], "pw": [4]}},
    {"dataframe_split": {"columns": ["pw", "pl", "sw", "sl"], "data": [[1, 2, 3, 4]] * 2}},
    {"inputs": [{"name": "input-0", "shape": [2, 4], "datatype": "FP64", "data": [[1, 2, 3, 4]] * 2}]},
    {
        "id": "x",
        "inputs": [{"name": "input-0", "shape": [1, 4], "datatype": "INT8", "data": [1, 2, 3, 4]}],
        "outputs": [{"name": "predict", "parameters": {"binary_data": True}}],
    },
]
MIXED: list[Any] = [
    {"instances": [[0.5, 1, True, "blå"]] * 2},
    {"dataframe_records": [{"real": 0.5, "whole": 1, "flag": True, "colour": "blå"}]},
    {
        "inputs": [
            {"name": "real", "shape": [2], "datatype": "FP32", "data": [1, 2]},
            {"name": "whole", "shape": [2, 1], "datatype": "UINT8", "data": [[1], [2]]},
            {"name": "flag", "shape": [2], "datatype": "BOOL", "data": [True, False]},
            {"name": "colour", "shape": [2], "datatype": "BYTES", "data": ["blå", "blå"]},
        ]
    },
]
BYTES: dict[str, list[Case]] = {
    "flowers": [
        binary([("input-0", [2, 4], kind, bytes(8 * np.dtype(dtype).itemsize))])
        for kind, dtype in (("FP64", "f8"), ("FP32", "f4"), ("FP16", "f2"), ("UINT8", "u1"))
    ]
    + [(b"1,2,3,4\n5,6,7,8\n", {b"content-type": b"text/csv"})],
    "mixed": [
        binary([
            ("colour", [2], "BYTES", b"\4\0\0\0bl\xc3\xa5\4\0\0\0bl\xc3\xa5"),
            ("real", [2], "FP16", bytes(4)),
            ("whole", [2], "INT32", bytes(8)), ("flag", [2, 1], "BOOL", b"\0\1"),
        ]),
        ('colour,flag,whole,real\n"blå",True,1,0.5\n'.encode(), {b"content-type": b"text/csv"}),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", ["flowers", "mixed"])
@pytest.mark.parametrize("path", PATHS + EXPLAINING)
@pytest.mark.parametrize("how", ["parts", "bytes"])
def test_good_requests_changed(how: str, path: str, name: str, request: pytest.FixtureRequest) -> None:
    """Requests that are nearly right: a part replaced or left out, some bytes replaced, another length."""
    documents = {"flowers": FLOWERS, "mixed": MIXED}[name]
    plain = [(orjson.dumps(document), JSON) for document in documents]
    ways: dict[str, Callable[[], st.SearchStrategy[Case]]] = {
        "parts": lambda: changed(documents),
        "bytes": lambda: mutated([*plain, *BYTES[name], *BYTES[name]]),
    }
    run(request.getfixturevalue(name), path, ways[how]())


@pytest.mark.parametrize("name", ["flowers", "mixed"])
def test_the_requests_that_are_changed_are_good(name: str, request: pytest.FixtureRequest) -> None:
    """Each of them is read by at least one dialect, so that the changes begin at what is right."""
    pod: Pod = request.getfixturevalue(name)
    documents = {"flowers": FLOWERS, "mixed": MIXED}[name]
    for body, headers in [*((orjson.dumps(each), JSON) for each in documents), *BYTES[name]]:
        assert 200 in [pod.ask(path, body, headers).status for path in PATHS]
