"""`POST /predict`: many rows as `{"instances": [...]}`, one row as an array or `{"features": ...}`.

Three pure steps (decode, predict, encode), so that whoever calls them decides
on which thread each runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from ekiben.serving.answer import Answer
from ekiben.serving.decoding import decode
from ekiben.serving.exchange import Headers, Problems, Question
from ekiben.serving.predictor import Answers
from ekiben.serving.problem import Place, RefusedError
from ekiben.serving.receipt import check_media_type
from ekiben.serving.validation import Rows, Validator

CONTENT_TYPE = b"application/json"
_FORMS = 'expected an array of values, {"instances": [...]}, or {"features": [...] or {...}}'


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one request.

    Attributes:
        rows: Shape (rows, inputs).
        single: Whether one row was sent in a form of one row.
    """

    rows: Rows
    single: bool


def read(body: bytes, validator: Validator) -> Batch:
    """Decode and check a request body.

    Raises:
        RefusedError: Not JSON (400), or it does not fit the schema (422).
    """
    document = decode(body)
    if type(document) is dict and len(document) == 1:
        if "instances" in document:
            return Batch(validator.rows(document["instances"], "/instances"), single=False)
        if "features" in document:
            return Batch(validator.row(document["features"], "/features"), single=True)
    if type(document) is list:
        return Batch(validator.row(document, ""), single=True)
    raise RefusedError(422, "form", _FORMS, (Place("", _FORMS),))


def write(answers: Answers, *, single: bool, model: dict[str, str], request_id: str) -> bytes:
    """Encode the answer to a request.

    Args:
        answers: What the predictor gave.
        single: Whether the request was one row.
        model: Name and version.
        request_id: Id of the request.

    Raises:
        ValueError: A number that JSON cannot carry (NaN, infinity).
    """
    document: dict[str, Any] = {}
    _finite(answers)
    if single:
        document["prediction"] = _plain(answers.predictions)[0]
        if answers.probabilities is not None:
            document["probabilities"] = answers.probabilities[0].tolist()
    else:
        document["predictions"] = _plain(answers.predictions)
        if answers.probabilities is not None:
            document["probabilities"] = answers.probabilities.tolist()
    document["model"] = model
    document["id"] = request_id
    return orjson.dumps(document)


class Predict(Problems):
    """`POST /predict` as a dialect.

    Args:
        validator: Of the served model.
        model: Its name and version, part of every answer.
    """

    def __init__(self, validator: Validator, model: dict[str, str]) -> None:
        self._validator = validator
        self._model = model

    def read(self, body: bytes, headers: Headers) -> Question:
        """Decode and check a request; see `Dialect.read`."""
        check_media_type(headers)
        batch = read(body, self._validator)
        return Question(batch.rows, batch.single, self._validator.out_of_range(batch.rows))

    def write(self, question: Question, answers: Answers, request_id: str) -> Answer:
        """Encode an answer; see `Dialect.write`."""
        encoded = write(answers, single=question.note, model=self._model, request_id=request_id)
        return Answer(200, encoded, rows=len(question.rows))


def _plain(predictions: Any) -> list[Any]:
    values: list[Any] = predictions.tolist()
    return values


def _finite(answers: Answers) -> None:
    numbers = [each for each in (answers.predictions, answers.probabilities) if each is not None]
    if not all(np.isfinite(each).all() for each in numbers if each.dtype.kind == "f"):
        raise ValueError("the estimator answered a number that is not finite")
