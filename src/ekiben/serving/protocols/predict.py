"""`POST /predict`: many rows as `{"instances": [...]}`, one row as an array or `{"features": ...}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ekiben.serving import table
from ekiben.serving.answer import JSON, Answer
from ekiben.serving.decoding import check_media_type, decode
from ekiben.serving.exchange import Headers, Problems, Question
from ekiben.serving.predictor import Answers
from ekiben.serving.problem import Place, RefusedError
from ekiben.serving.protocols import finite
from ekiben.serving.validation import Rows, Validator

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
        if headers.get(b"content-type") != JSON:
            check_media_type(headers)
        rows = table.rows(body, self._validator)
        if rows is None:
            return self.question(decode(body))
        return Question(rows, False, self._validator.out_of_range(rows))

    def question(self, document: Any) -> Question:
        """Check a request that is decoded already.

        Args:
            document: The request's JSON.

        Raises:
            RefusedError: 422; it does not fit the schema.
        """
        rows, single = self._of_document(document)
        return Question(rows, single, self._validator.out_of_range(rows))

    def _of_document(self, document: Any) -> tuple[Rows, bool]:
        """Rows, and whether one was sent in a form of one row."""
        if type(document) is list:
            return self._validator.row(document, ""), True
        if type(document) is dict and len(document) == 1:
            if "instances" in document:
                return self._validator.rows(document["instances"], "/instances"), False
            if "features" in document:
                return self._validator.row(document["features"], "/features"), True
        raise RefusedError(422, "form", _FORMS, (Place("", _FORMS),))

    def write(self, question: Question, answers: Answers, request_id: str) -> Answer:
        """Encode the answer.

        Raises:
            ValueError: A number that JSON cannot carry (NaN, infinity).
        """
        return Answer(200, finite.dumps(self.document(question, answers, request_id), answers))

    def document(self, question: Question, answers: Answers, request_id: str) -> dict[str, Any]:
        """Give the members of an answer."""
        predictions: list[Any] = answers.predictions.tolist()
        document: dict[str, Any] = (
            {"prediction": predictions[0]} if question.note else {"predictions": predictions}
        )
        if answers.probabilities is not None:
            probabilities: list[Any] = answers.probabilities.tolist()
            document["probabilities"] = probabilities[0] if question.note else probabilities
        document["model"] = self._model
        document["id"] = request_id
        return document
