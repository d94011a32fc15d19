"""`POST /invocations` and `GET /ping`, as clients of MLflow's scoring server and of SageMaker send them.

| request | who sends it | answer |
|---|---|---|
| `{"dataframe_split": {"columns"?, "index"?, "data"}}` | MLflow | `{"predictions": [...]}` |
| `{"dataframe_records": [{...}]}` | MLflow | the same |
| `{"inputs": {"column": [...]}}`, `{"inputs": [...]}`, `{"instances": [...]}` | MLflow | the same |
| `text/csv` (see `separated`) | both | the same |
| `[[...]]`, `[...]` | SageMaker's scikit-learn container | `[...]` |

With `Accept: text/csv` each is answered with CSV, as SageMaker's container does.

Source: mlflow/pyfunc/scoring_server/__init__.py and mlflow/utils/proto_json_utils.py; sagemaker_inference's
decoder.py, encoder.py, transformer.py; sagemaker_sklearn_container/handler_service.py
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Literal

import orjson

from ekiben.serving import table
from ekiben.serving.answer import JSON, Answer
from ekiben.serving.decoding import decode
from ekiben.serving.exchange import Headers, Question
from ekiben.serving.predictor import Answers
from ekiben.serving.problem import Place, RefusedError
from ekiben.serving.protocols import finite, media, separated
from ekiben.serving.protocols.refusals import sentence, status_of
from ekiben.serving.schema import Schema
from ekiben.serving.validation import Rows, Validator

Form = Literal["object", "array", "csv"]
_CSV = b"text/csv; charset=utf-8"
_KEYS = ("dataframe_split", "dataframe_records", "instances", "inputs")
_FORM = f"expected an object with exactly one of the input fields {', '.join(_KEYS)}"
_SPLIT_MEMBERS = frozenset({"columns", "index", "data"})
# Source: mlflow/exceptions.py, the statuses of its error codes, read backwards
_CODES = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "ENDPOINT_NOT_FOUND",
    429: "REQUEST_LIMIT_EXCEEDED",
    500: "INTERNAL_ERROR",
    503: "TEMPORARILY_UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


class Invocations:
    """`/invocations` as a dialect.

    Args:
        schema: Of the served model.
        validator: Of the served model.
    """

    def __init__(self, schema: Schema, validator: Validator) -> None:
        self._names = [each.name for each in schema.inputs]
        self._validator = validator
        self._csv = separated.Reader(schema, validator)

    def read(self, body: bytes, headers: Headers) -> Question:
        """Decode and check a request; see `Dialect.read`."""
        media_type, parameters = media.of(headers, (media.JSON, media.CSV))
        header = parameters.pop("header", None) if media_type == media.CSV else None
        if parameters:
            raise RefusedError(415, "content_type", "expected no other parameter of the content type")
        form: Form = "object"
        if media_type == media.CSV:
            rows = self._csv.read(body, header)
        else:
            rows, form = self._json(body)
        note = "csv" if media.prefers_csv(headers) else form
        return Question(rows, note, self._validator.out_of_range(rows))

    def write(self, question: Question, answers: Answers, request_id: str) -> Answer:
        """Encode an answer; see `Dialect.write`."""
        del request_id
        form: Form = question.note
        if form == "csv":
            finite.check(answers)
            return Answer(200, separated.write(answers), _CSV)
        predictions = answers.predictions.tolist()
        document = predictions if form == "array" else {"predictions": predictions}
        return Answer(200, finite.dumps(document, answers), JSON)

    def refuse(self, error: RefusedError, request_id: str) -> Answer:
        """Encode a refusal as MLflow does; see `Dialect.refuse`."""
        del request_id
        status = status_of(error)
        if status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
            body, content_type = error.detail.encode(), b"text/plain; charset=utf-8"
        else:
            code = _CODES.get(status, "BAD_REQUEST")
            body, content_type = orjson.dumps({"error_code": code, "message": sentence(error)}), JSON
        return Answer(status, body, content_type, error.headers)

    def _json(self, body: bytes) -> tuple[Rows, Form]:
        quick = table.rows(body, self._validator)
        if quick is not None:
            return quick, "object"
        document = decode(body)
        if type(document) is list:
            return self._bare(document), "array"
        return self._object(document), "object"

    def _bare(self, document: list[Any]) -> Rows:
        """SageMaker's: an array of rows, or one row."""
        if document and type(document[0]) is list:
            return self._validator.rows(document, "")
        return self._validator.row(document, "")

    def _object(self, document: Any) -> Rows:
        """MLflow's: one of its input fields."""
        if type(document) is not dict:
            raise _refused("form", _FORM, "")
        if document.get("params") not in (None, {}):
            raise _refused("fields", "expected no params: this model has none", "/params")
        keys = [key for key in document if key != "params"]
        if len(keys) != 1 or keys[0] not in _KEYS:
            raise _refused("form", _FORM, "")
        base, value = f"/{keys[0]}", document[keys[0]]
        if keys[0] == "dataframe_split":
            return self._split(value, base)
        if keys[0] == "dataframe_records" and (
            type(value) is not list or any(type(each) is not dict for each in value)
        ):
            raise _refused("form", "expected an array of objects", base)
        if keys[0] == "inputs" and type(value) is dict:
            if any(type(each) is not list for each in value.values()):
                raise _refused("form", "expected an array of values for each column", base)
            return self._validator.columns(value, base)
        return self._validator.rows(value, base)

    def _split(self, value: Any, base: str) -> Rows:
        """A data frame as pandas writes it with `orient="split"`; its index means nothing here."""
        if type(value) is not dict or "data" not in value or not _SPLIT_MEMBERS.issuperset(value):
            raise _refused("form", "expected an object with data, and columns and index if at all", base)
        columns, data = value.get("columns"), value["data"]
        if type(data) is not list or any(type(row) is not list for row in data):
            raise _refused("form", "expected an array of arrays", f"{base}/data")
        if columns is None or columns == self._names:
            return self._validator.rows(data, f"{base}/data")
        if type(columns) is not list or any(type(each) is not str for each in columns):
            raise _refused("form", "expected an array of strings", f"{base}/columns")
        position = {name: number for number, name in enumerate(columns)}
        if len(columns) != len(self._names) or set(position) != set(self._names):
            detail = f"expected the {len(self._names)} columns of the model, each once"
            raise _refused("fields", detail, f"{base}/columns")
        for number, row in enumerate(data):
            if len(row) != len(columns):
                detail = f"expected {len(columns)} values, found {len(row)}"
                raise _refused("fields", detail, f"{base}/data/{number}")
        values = {name: [row[number] for row in data] for name, number in position.items()}
        return self._validator.columns(
            values, f"{base}/data", place=lambda name, row: f"{base}/data/{row}/{position[name]}"
        )


def ping(ready: Callable[[str], Answer]) -> Callable[[str], Answer]:
    """`GET /ping`: MLflow's body, an empty line; the status is that of the pod's own readiness.

    Args:
        ready: The pod's own readiness.
    """
    return lambda request_id: Answer(ready(request_id).status, b"\n", JSON)


def _refused(reason: Any, detail: str, place: str) -> RefusedError:
    return RefusedError(400, reason, detail, (Place(place, detail),))
