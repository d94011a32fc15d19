"""Ask a running pod as a client does: many rows as binary tensors, one row as JSON.

The Open Inference Protocol with the binary tensor extension carries every type that a schema has, to the
bit, and is what a pod decodes fastest. One row alone goes as JSON, since it takes other ways in the pod: a
decoder of its own, the lane's answer without a batch, a linear predictor's row by row.

Source: https://github.com/triton-inference-server/server, docs/protocol/extension_binary_data.md
"""

from __future__ import annotations

import http.client
import json
import math
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from ekiben.artefact.forms.parity import Answered
from ekiben.errors import AcceptanceError
from ekiben.serving.protocols import signature, tensors
from ekiben.serving.schema import InputType, Schema

_LENGTH = "Inference-Header-Content-Length"
_MOST_SHOWN = 300  # characters of a refusal
_NATIVE: Mapping[InputType, Callable[[Any], Any]] = {
    "float64": float,
    "int64": int,
    "bool": bool,
    "string": str,
}
_JSON = {"Content-Type": "application/json"}


class Client:
    """One connection to a pod of a model; used within `with`.

    Args:
        url: Base URL of the pod.
        model: Name of the model.
        schema: What it takes and gives.
        seconds: Longest wait for an answer.
    """

    def __init__(self, url: str, model: str, schema: Schema, *, seconds: float) -> None:
        place = urlsplit(url)
        self._connection = http.client.HTTPConnection(
            str(place.hostname), place.port or http.client.HTTP_PORT, timeout=seconds
        )
        self._infer = f"/v2/models/{model}/infer"
        self._inputs = schema.inputs
        self._output = schema.output
        self._tensors = signature.of(schema)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def many(self, rows: npt.NDArray[Any]) -> Answered:
        """Ask for rows in one request.

        Args:
            rows: Shape (rows, inputs), as the estimator gets them.

        Raises:
            AcceptanceError: The pod refuses them, breaks off, or answers with other tensors.
        """
        header, chunks = self._question(rows)
        headers = {"Content-Type": "application/octet-stream", _LENGTH: str(len(header))}
        found, body = self._post(self._infer, b"".join((header, *chunks)), headers)
        try:
            return self._answered(found, body, len(rows))
        except (KeyError, ValueError, TypeError) as error:
            raise AcceptanceError(f"the pod's answer is none of the protocol: {error!r}") from error

    def alone(self, rows: npt.NDArray[Any]) -> Answered:
        """Ask for each row in a request of its own.

        Raises:
            AcceptanceError: As for `many`.
        """
        found = [self._one(row) for row in rows.tolist()]
        kind = np.float64 if self._output.kind == "regression" else object
        predictions = np.empty(len(found), dtype=kind)
        predictions[:] = [each["prediction"] for each in found]
        shares = None
        if self._output.probabilities:
            shares = np.array([each["probabilities"] for each in found], dtype=np.float64)
        return Answered(predictions, shares)

    def _one(self, row: Sequence[Any]) -> Any:
        values = [_json(value, each.type) for value, each in zip(row, self._inputs, strict=True)]
        return json.loads(self._post("/predict", json.dumps(values).encode(), _JSON)[1])

    def _question(self, rows: npt.NDArray[Any]) -> tuple[bytes, list[bytes]]:
        """The request object, and the bytes of each tensor."""
        declared = self._tensors.inputs
        columns = [rows] if self._tensors.whole else list(rows.T)
        chunks = [
            tensors.to_bytes(values, each.datatype) for values, each in zip(columns, declared, strict=True)
        ]
        inputs = [
            {
                "name": each.name,
                "shape": list(values.shape),
                "datatype": each.datatype,
                "parameters": {"binary_data_size": len(chunk)},
            }
            for values, each, chunk in zip(columns, declared, chunks, strict=True)
        ]
        return json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode(), chunks

    def _answered(self, headers: Mapping[str, str], body: bytes, count: int) -> Answered:
        end = int(headers[_LENGTH.lower()])
        found: dict[str, npt.NDArray[Any]] = {}
        for part in json.loads(body[:end])["outputs"]:
            size = part["parameters"]["binary_data_size"]
            values = tensors.from_bytes(body, end, size, part["datatype"], math.prod(part["shape"]), "")
            found[part["name"]] = values.reshape(part["shape"])
            end += size
        predictions = found[signature.PREDICT]
        if len(predictions) != count:
            raise ValueError(f"expected {count} predictions, found {len(predictions)}")
        return Answered(predictions, found[signature.PROBABILITIES] if self._output.probabilities else None)

    def _post(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[dict[str, str], bytes]:
        try:
            self._connection.request("POST", path, body, dict(headers))
            response = self._connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise AcceptanceError(f"the pod broke off: {error!r}") from error
        if response.status != HTTPStatus.OK:
            said = content.decode(errors="replace")[:_MOST_SHOWN]
            raise AcceptanceError(f"the pod answered {response.status} to {path}: {said}")
        return {name.lower(): value for name, value in response.headers.items()}, content


def _json(value: Any, kind: InputType) -> Any:
    """A value as JSON has it: a missing one is null, and a whole number has no fraction."""
    if isinstance(value, float) and math.isnan(value):
        return None
    return _NATIVE[kind](value)
