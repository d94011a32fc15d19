"""`ModelInfer` as a load speaks it: golden rows to requests, and answers to what `Expected` knows.

Tensors go as raw contents, and so they come back: fewer bytes, and less work on both sides.

Source: https://github.com/kserve/open-inference-protocol, specification/protocol/inference_grpc.md
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from ekiben.errors import ConfigError
from ekiben.scale.load.target import RELATIVE_TOLERANCE, Expected
from ekiben.serving.problem import RefusedError
from ekiben.serving.protocols import signature, tensors
from ekiben.serving.protocols.signature import PREDICT, PROBABILITIES, Declared, Signature
from ekiben.serving.rpc import contents
from ekiben.serving.rpc.generated import open_inference_grpc_pb2 as pb
from ekiben.serving.rpc.messages import encoded
from ekiben.serving.schema import Schema

PATH = f"/{pb.DESCRIPTOR.services_by_name['GRPCInferenceService'].full_name}/ModelInfer"
_NUMPY: dict[str, Any] = {"FP64": np.float64, "INT64": np.int64, "BOOL": np.bool_, "BYTES": object}
_LABELS: dict[str, Callable[[Any], Any]] = {"FP64": float, "INT64": int, "BOOL": bool, "BYTES": str}


def golden(
    document: Mapping[str, Any], schema: Schema, model: str, rows_per_request: int = 1
) -> tuple[tuple[bytes, ...], tuple[Expected, ...]]:
    """Make requests and their right answers of an artefact's golden rows.

    Args:
        document: Decoded `golden.json`.
        schema: The artefact's.
        model: Name of the model.
        rows_per_request: Rows of each request: golden rows in turn, again and again.

    Returns:
        Serialised `ModelInferRequest`s and checks, one per golden row that tensors can express: of missing
        values, only those of a `float64` column have a form (NaN).

    Raises:
        ConfigError: There is no such row.
    """
    known = signature.of(schema)
    reals = {each.name for each in schema.inputs if each.type == "float64"}
    missing = [
        {name for name in known.columns if row.get(name) is None} for row in document.get("instances") or []
    ]
    fit = [number for number, names in enumerate(missing) if names <= reals]
    if not fit:
        raise ConfigError(
            "expected golden rows without missing values (but of numbers with a fraction), found none",
            remedy="the protocol's tensors know no null: load-test with --protocol http",
        )
    tolerance = float(document.get("relative_tolerance", RELATIVE_TOLERANCE))
    bodies, checks = [], []
    for first in range(len(fit)):
        turn = [fit[(first + step) % len(fit)] for step in range(rows_per_request)]
        bodies.append(_request([document["instances"][each] for each in turn], known, model))
        checks.append(_expected(document, turn, known, tolerance))
    return tuple(bodies), tuple(checks)


def read(body: bytes) -> object:
    """Decode an answer to `predictions` and `probabilities`; None if it is no answer."""
    try:
        response = pb.ModelInferResponse.FromString(body)
        found = {output.name: _values(response, number) for number, output in enumerate(response.outputs)}
    except (DecodeError, RefusedError, ValueError, IndexError):
        return None
    return {"predictions": found.get(PREDICT), "probabilities": found.get(PROBABILITIES)}


def _request(rows: Sequence[Mapping[str, Any]], known: Signature, model: str) -> bytes:
    request = pb.ModelInferRequest(model_name=model)
    for declared in known.inputs:
        names = known.columns if known.whole else (declared.name,)
        values = _tensor([[row.get(name) for name in names] for row in rows], declared)
        shape = values.shape if known.whole else (len(rows),)
        request.inputs.add(name=declared.name, datatype=declared.datatype, shape=shape)
        request.raw_input_contents.append(tensors.to_bytes(values, declared.datatype))
    return encoded(request)


def _tensor(values: list[list[Any]], declared: Declared) -> tensors.Elements:
    """Values of one tensor; None becomes NaN, which only real numbers have."""
    return np.array(values, dtype=_NUMPY[declared.datatype])


def _expected(
    document: Mapping[str, Any], turn: Sequence[int], known: Signature, tolerance: float
) -> Expected:
    label = _LABELS[known.outputs[0].datatype]
    given = document.get("probabilities")
    probabilities = None if given is None else tuple(tuple(map(float, given[each])) for each in turn)
    return Expected(tuple(label(document["predictions"][each]) for each in turn), probabilities, tolerance)


def _values(response: pb.ModelInferResponse, number: int) -> list[Any]:
    """An output as lists of its shape.

    Raises:
        RefusedError: Its contents are not of its shape or datatype.
        ValueError: It has no such shape.
        IndexError: It has no contents.
    """
    output = response.outputs[number]
    count = math.prod(output.shape)
    if response.raw_output_contents:
        raw = response.raw_output_contents[number]
        found = tensors.from_bytes(raw, 0, len(raw), output.datatype, count, "")
    else:
        found = contents.read(output.contents, output.datatype, count, "")
    values: list[Any] = found.reshape(tuple(output.shape)).tolist()
    return values
