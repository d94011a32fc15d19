from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from ekiben.serving.exchange import Dialect, Question
from ekiben.serving.predictor import Answers
from ekiben.serving.problem import RefusedError
from ekiben.serving.protocols.predict import Predict
from ekiben.serving.schema import Input, Output, Schema
from ekiben.serving.validation import Validator

SCHEMA = Schema(
    (Input("a", "float64"), Input("b", "float64", maximum=1, on_out_of_range="count")), Output("regression")
)
MODEL = {"name": "small", "version": "1"}
JSON = {b"content-type": b"application/json"}


def dialect() -> Dialect:
    """The dialect of a model of two inputs."""
    return Predict(Validator(SCHEMA, 1_000), MODEL)


@pytest.mark.parametrize(
    ("body", "rows", "single"),
    [
        ([1, 2], [[1, 2]], True),
        ({"features": [1, 2]}, [[1, 2]], True),
        ({"features": {"b": 2, "a": 1}}, [[1, 2]], True),
        ({"instances": [[1, 2]]}, [[1, 2]], False),
        ({"instances": [[1, 2], {"b": 0, "a": 3}]}, [[1, 2], [3, 0]], False),
        ({"instances": [[1, 2]] * 500}, [[1, 2]] * 500, False),
    ],
)
def test_forms(body: Any, rows: Any, single: bool) -> None:
    """One row in three forms, many rows in two, short or long; rows out of a counted range are counted."""
    question = dialect().read(json.dumps(body).encode(), JSON)
    assert question.rows.tolist() == rows
    assert question.out_of_range == sum(b > 1 for _, b in rows)
    answer = dialect().write(question, Answers(np.arange(len(rows)), None), "id")
    expected = {"prediction": 0} if single else {"predictions": list(range(len(rows)))}
    assert json.loads(answer.body) == {**expected, "model": MODEL, "id": "id"}
    assert (answer.status, answer.content_type) == (200, b"application/json")


@pytest.mark.parametrize(
    "body", [{}, {"instances": [[1, 2]], "x": 1}, {"rows": []}, 1, "a", None, {"Features": [1, 2]}]
)
def test_other_forms_are_refused(body: Any) -> None:
    """What is neither of the forms is told which there are."""
    with pytest.raises(RefusedError) as caught:
        dialect().read(json.dumps(body).encode(), JSON)
    assert (caught.value.status, caught.value.reason) == (422, "form")


@pytest.mark.parametrize(
    ("content_type", "good"),
    [
        (b"application/json", True), (b"application/json; charset=utf-8", True), (b"Application/JSON", True),
        (b'application/json;charset="UTF-8"', True), (b"", False), (b"text/json", False),
        (b"application/json; charset=latin-1", False), (b"application/jsonp", False),
        (b"application/json, text/plain", False), (b"application/json\n", False),
        (b" application/json", False),
        (b"application/json; version=1", False), (b"application/problem+json", False),
    ],
)  # fmt: skip
def test_content_types(content_type: bytes, good: bool) -> None:
    """JSON in UTF-8, exactly; a request without a type is not taken for JSON."""
    headers = {b"content-type": content_type} if content_type else {}
    if good:
        assert dialect().read(b"[1,2]", headers).rows.tolist() == [[1.0, 2.0]]
    else:
        with pytest.raises(RefusedError) as caught:
            dialect().read(b"[1,2]", headers)
        assert (caught.value.status, caught.value.reason) == (415, "content_type")


def test_probabilities_of_one_row_and_of_many() -> None:
    """One list for a form of one row, a list of lists for many."""
    answers = Answers(np.array(["x"]), np.array([[0.25, 0.75]]))
    for single, expected in (
        (True, {"prediction": "x", "probabilities": [0.25, 0.75]}),
        (False, {"predictions": ["x"], "probabilities": [[0.25, 0.75]]}),
    ):
        answer = dialect().write(Question(np.zeros((1, 2)), single), answers, "id")
        assert json.loads(answer.body) == {**expected, "model": MODEL, "id": "id"}


@pytest.mark.parametrize(
    "answers",
    [
        Answers(np.array([np.nan]), None),
        Answers(np.array([-np.inf]), None),
        Answers(np.array([0]), np.array([[np.nan, 0.5]])),
    ],
)
def test_numbers_that_json_has_not(answers: Answers) -> None:
    """NaN and infinity are never written as null."""
    with pytest.raises(ValueError, match="not finite"):
        dialect().write(Question(np.zeros((1, 2)), True), answers, "id")


def test_refusals_name_places_and_echo_nothing() -> None:
    """A problem document with a pointer to every wrong place, and not one byte of the input."""
    sent = "what was sent"
    with pytest.raises(RefusedError) as caught:
        dialect().read(json.dumps({"instances": [[1, sent], {sent: 1, "a": sent}]}).encode(), JSON)
    answer = dialect().refuse(caught.value, "id")
    document = json.loads(answer.body)
    assert [each["pointer"] for each in document["errors"]] == [
        "/instances/0/1",
        "/instances/1/b",
        "/instances/1",
    ]
    assert (answer.status, answer.content_type) == (422, b"application/problem+json")
    assert sent.encode() not in answer.body
