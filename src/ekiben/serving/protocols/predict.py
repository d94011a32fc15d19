"""`POST /predict`: many rows as `{"instances": [...]}`, one row as an array or `{"features": ...}`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from ekiben.serving import table
from ekiben.serving.answer import Answer
from ekiben.serving.decoding import check_media_type, decode
from ekiben.serving.exchange import Headers, Problems, Question
from ekiben.serving.predictor import Answers
from ekiben.serving.problem import Place, RefusedError
from ekiben.serving.validation import Rows, Validator

_FEW = 16  # numbers that are looked at one by one as quickly as in an array
_FORMS = 'expected an array of values, {"instances": [...]}, or {"features": [...] or {...}}'


class Predict(Problems):
    """The dialect; its question's note is whether one row was sent in a form of one row.

    Args:
        validator: Of the served model.
        model: Its name and version, part of every answer.
    """

    def __init__(self, validator: Validator, model: Mapping[str, str]) -> None:
        self._validator = validator
        self._model = dict(model)

    def read(self, body: bytes, headers: Headers) -> Question:
        """Decode and check a request.

        Raises:
            RefusedError: Another content type (415), not JSON (400), or it does not fit the schema (422).
        """
        check_media_type(headers)
        batch = read(body, self._validator)
        return Question(batch.rows, batch.single, self._validator.out_of_range(batch.rows))

    def write(self, question: Question, answers: Answers, request_id: str) -> Answer:
        """Encode the answer.

        Raises:
            ValueError: A number that JSON cannot carry (NaN, infinity).
        """
        encoded = write(answers, single=question.note, model=self._model, request_id=request_id)
        return Answer(200, encoded, rows=len(question.rows))


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
    rows = table.rows(body, validator)
    if rows is not None:
        return Batch(rows, single=False)
    document = decode(body)
    if type(document) is list:
        return Batch(validator.row(document, ""), single=True)
    if type(document) is dict and len(document) == 1:
        if "instances" in document:
            return Batch(validator.rows(document["instances"], "/instances"), single=False)
        if "features" in document:
            return Batch(validator.row(document["features"], "/features"), single=True)
    raise RefusedError(422, "form", _FORMS, (Place("", _FORMS),))


def write(answers: Answers, *, single: bool, model: Mapping[str, str], request_id: str) -> bytes:
    """Encode the answer to a request.

    Args:
        answers: What the predictor gave.
        single: Whether the request was one row.
        model: Name and version.
        request_id: Id of the request.

    Raises:
        ValueError: A number that JSON cannot carry (NaN, infinity).
    """
    predictions, probabilities = answers.predictions, answers.probabilities
    _check_finite(predictions)
    document: dict[str, Any] = {}
    if single:
        document["prediction"] = predictions.tolist()[0]
    else:
        document["predictions"] = predictions.tolist()
    if probabilities is not None:
        _check_finite(probabilities)
        document["probabilities"] = (probabilities[0] if single else probabilities).tolist()
    document["model"] = model
    document["id"] = request_id
    return orjson.dumps(document)


def _check_finite(numbers: Any) -> None:
    if numbers.dtype.kind != "f":
        return
    if numbers.size <= _FEW:
        if not all(map(math.isfinite, numbers.ravel().tolist())):
            raise ValueError("the estimator answered a number that is not finite")
        return
    # Bytes are searched quicker than `all` is called.
    if numbers.dtype.kind == "f" and b"\0" in np.isfinite(numbers).tobytes():
        raise ValueError("the estimator answered a number that is not finite")
