"""KServe's V1 protocol: `POST /v1/models/{model}:predict`, and what its server says of models.

    {"instances": [[...], {...}, ...]}  ->  {"predictions": [...]}

KServe's server takes `inputs` for `instances`; so does this one, but not both.

Source: https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol; kserve's
`protocol/rest/v1_endpoints.py` and `get_predict_input`, `get_predict_response` of `utils/utils.py`
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

import orjson

from ekiben.serving import table
from ekiben.serving.answer import Answer
from ekiben.serving.decoding import decode
from ekiben.serving.exchange import Headers, Question
from ekiben.serving.predictor import Answers
from ekiben.serving.problem import Place, RefusedError
from ekiben.serving.protocols import finite, media
from ekiben.serving.protocols.refusals import ErrorObject
from ekiben.serving.validation import Validator

_FORM = 'expected {"instances": [...]}'
_KEYS = ("instances", "inputs")


class Predict(ErrorObject):
    """`:predict` as a dialect.

    Args:
        validator: Of the served model.
    """

    def __init__(self, validator: Validator) -> None:
        self._validator = validator

    def read(self, body: bytes, headers: Headers) -> Question:
        """Decode and check a request; see `Dialect.read`."""
        media.plain(headers, (media.JSON,))
        quick = table.rows(body, self._validator)
        if quick is not None:
            return Question(quick, None, self._validator.out_of_range(quick))
        document = decode(body)
        if type(document) is dict and len(document) == 1:
            for key in _KEYS:
                if key in document:
                    rows = self._validator.rows(document[key], f"/{key}")
                    return Question(rows, None, self._validator.out_of_range(rows))
        raise RefusedError(400, "form", _FORM, (Place("", _FORM),))

    def write(self, question: Question, answers: Answers, request_id: str) -> Answer:
        """Encode an answer; see `Dialect.write`."""
        del question, request_id
        return Answer(200, finite.dumps({"predictions": answers.predictions.tolist()}, answers))


def models(name: str) -> Callable[[str], Answer]:
    """`GET /v1/models`: the names of all models."""
    answer = Answer(200, orjson.dumps({"models": [name]}))
    return lambda _: answer


def model(name: str, ready: Callable[[str], Answer]) -> Callable[[str], Answer]:
    """`GET /v1/models/{model}`: whether it is ready.

    Args:
        name: The model's.
        ready: The pod's own readiness.
    """
    yes = Answer(200, orjson.dumps({"name": name, "ready": True}))
    # Source: kserve/errors.py, ModelNotReady
    no = orjson.dumps({"error": f"Model with name {name} is not ready."})

    def reply(request_id: str) -> Answer:
        answer = ready(request_id)
        return yes if answer.status == HTTPStatus.OK else Answer(answer.status, no, headers=answer.headers)

    return reply
