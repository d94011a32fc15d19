"""How each server wants its rows and gives its answers: pure functions between arrays and bytes.

Source of the two tensor forms: the Open Inference Protocol (version 2, REST) and its Binary
Tensor Data Extension, https://github.com/kserve/open-inference-protocol
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Headers = Mapping[str, str]
_LENGTH = "Inference-Header-Content-Length"
_DTYPES = {"INT64": np.int64, "INT32": np.int32, "FP32": np.float32, "FP64": np.float64, "BOOL": np.bool_}


@dataclass(frozen=True, slots=True)
class Request:
    """A body and the headers that tell what it is."""

    body: bytes
    headers: Headers


@dataclass(frozen=True, slots=True)
class Form:
    """One way to ask for predictions.

    Attributes:
        path: Where, with `{model}` in place of the model's name.
        write: From rows, shape (rows, inputs), to a request.
        read: From the answer's headers (names in lower case) and body to one prediction per row.
    """

    path: str
    write: Callable[[npt.NDArray[np.float64]], Request]
    read: Callable[[Headers, bytes], list[Any]]


def _json(document: Any) -> Request:
    body = json.dumps(document, separators=(",", ":")).encode()
    return Request(body, {"Content-Type": "application/json"})


def _member(name: str) -> Callable[[Headers, bytes], list[Any]]:
    """Read one member of a JSON object."""

    def read(_: Headers, body: bytes) -> list[Any]:
        found: list[Any] = json.loads(body)[name]
        return found

    return read


def _bare(_: Headers, body: bytes) -> list[Any]:
    found: list[Any] = json.loads(body)
    return found


def instances(path: str) -> Form:
    """Ask with `{"instances": [[...], ...]}`, as KServe's version 1 and most home-made servers do."""
    return Form(path, lambda rows: _json({"instances": rows.tolist()}), _member("predictions"))


def echoed(path: str) -> Form:
    """Send what `instances` sends, and get it back: the rows are the answer."""
    return Form(path, lambda rows: _json({"instances": rows.tolist()}), _member("instances"))


def argument(path: str, name: str) -> Form:
    """Ask a BentoML API: one member per argument, the answer bare."""
    return Form(path, lambda rows: _json({name: rows.tolist()}), _bare)


def mlflow(path: str) -> Form:
    """Ask MLflow's scoring server."""
    return Form(path, lambda rows: _json({"inputs": rows.tolist()}), _member("predictions"))


def tensor(path: str, name: str = "input-0") -> Form:
    """Ask in version 2 of the protocol, data as a flat JSON array of FP64."""

    def write(rows: npt.NDArray[np.float64]) -> Request:
        shape, data = list(rows.shape), rows.ravel().tolist()
        return _json({"inputs": [{"name": name, "shape": shape, "datatype": "FP64", "data": data}]})

    return Form(path, write, _output)


def binary(path: str, name: str = "input-0") -> Form:
    """Ask in version 2 with FP32 as raw bytes after the JSON, and take the answer the same way."""

    def write(rows: npt.NDArray[np.float64]) -> Request:
        raw = rows.astype("<f4").tobytes()
        described = {
            "name": name,
            "shape": list(rows.shape),
            "datatype": "FP32",
            "parameters": {"binary_data_size": len(raw)},
        }
        document = {"inputs": [described], "parameters": {"binary_data_output": True}}
        head = json.dumps(document, separators=(",", ":")).encode()
        return Request(head + raw, {"Content-Type": "application/octet-stream", _LENGTH: str(len(head))})

    return Form(path, write, _output)


def _output(headers: Headers, body: bytes) -> list[Any]:
    """Read the first output of a version 2 answer, whether it is JSON or raw."""
    length = headers.get(_LENGTH.lower())
    head = body if length is None else body[: int(length)]
    output = json.loads(head)["outputs"][0]
    if "data" in output:
        found: list[Any] = output["data"]
        return found
    size = output["parameters"]["binary_data_size"]
    raw = body[int(length or 0) :][:size]  # outputs follow in their order: this is the first
    return list(np.frombuffer(raw, _DTYPES[output["datatype"]]).tolist())
