"""From tensors to rows: one tensor with all columns, or one tensor per column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ekiben.serving.problem import Place, RefusedError
from ekiben.serving.protocols.signature import Signature
from ekiben.serving.protocols.tensors import Elements
from ekiben.serving.validation import Rows, Validator

_TABLE = 2  # dimensions


@dataclass(slots=True)
class Tensor:
    """One input of a request.

    Attributes:
        name: As the request has it.
        shape: One or two dimensions.
        elements: In row-major order.
        nested: Whether JSON had them as an array of arrays.
    """

    name: str
    shape: tuple[int, ...]
    elements: Elements
    nested: bool = False


@np.errstate(invalid="ignore")  # a signalling NaN becomes a quiet one where it is widened, and is judged then
def rows(tensors: Sequence[Tensor], signature: Signature, validator: Validator) -> Rows:
    """Check the tensors of one request against the schema.

    Args:
        tensors: In the order of the request's `inputs`.
        signature: The model's.
        validator: The model's.

    Returns:
        Shape (rows, inputs).

    Raises:
        RefusedError: 400 or 422; with the wrong places.
    """
    first = tensors[0]
    if len(tensors) == 1 and first.name == signature.features:
        return _table(first, validator)
    if any(each.name not in signature.columns for each in tensors):
        raise RefusedError(400, "fields", _expected(signature), (Place("/inputs", _expected(signature)),))
    # Of two tensors with one name the last counts; another is then missing, because there is one too few.
    places = {each.name: number for number, each in enumerate(tensors)}
    for number, each in enumerate(tensors):
        if len(each.shape) == _TABLE and each.shape[1] != 1:
            detail = "expected the shape [rows] or [rows, 1] of an input that is one column"
            raise RefusedError(400, "form", detail, (Place(f"/inputs/{number}/shape", detail),))

    def place(name: str, row: int) -> str:
        number = places[name]
        return f"/inputs/{number}/data/{row}{'/0' if tensors[number].nested else ''}"

    return validator.columns({each.name: each.elements for each in tensors}, "/inputs", place=place)


def _table(tensor: Tensor, validator: Validator) -> Rows:
    base = "/inputs/0/data"
    if len(tensor.shape) != _TABLE:
        detail = "expected the shape [rows, columns]"
        raise RefusedError(400, "form", detail, (Place("/inputs/0/shape", detail),))
    values = tensor.elements.reshape(tensor.shape)
    if tensor.nested:
        return validator.array(values, base)
    width = tensor.shape[1]
    return validator.array(values, base, place=lambda row, column: f"{base}/{row * width + column}")


def _expected(signature: Signature) -> str:
    width = len(signature.columns)
    return (
        f"expected the input {signature.features} of shape [rows, {width}], or one input per column of the "
        f"model ({width})"
    )
