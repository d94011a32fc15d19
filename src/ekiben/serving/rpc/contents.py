"""Typed contents of tensors: protobuf's repeated fields to arrays and back.

Source: https://github.com/kserve/open-inference-protocol, open_inference_grpc.proto, InferTensorContents
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ekiben.serving.problem import Place, Reason, RefusedError
from ekiben.serving.protocols.tensors import Elements
from ekiben.serving.rpc.generated import open_inference_grpc_pb2 as pb

_FIELDS: Final = {
    "BOOL": "bool_contents",
    "INT8": "int_contents", "INT16": "int_contents", "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents", "UINT16": "uint_contents", "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}  # fmt: skip
_NARROW: Final = {
    "INT8": (-(2**7), 2**7 - 1), "INT16": (-(2**15), 2**15 - 1),
    "UINT8": (0, 2**8 - 1), "UINT16": (0, 2**16 - 1),
}  # fmt: skip
_TYPES: Final[dict[str, Any]] = {
    "bool_contents": np.bool_, "int_contents": np.int32, "int64_contents": np.int64,
    "uint_contents": np.uint32, "uint64_contents": np.uint64,
    "fp32_contents": np.float32, "fp64_contents": np.float64,
}  # fmt: skip


def read(given: pb.InferTensorContents, datatype: str, count: int, base: str) -> Elements:
    """Elements of a tensor.

    Args:
        given: With one of its fields.
        datatype: One of `tensors.DATATYPES`.
        count: How many elements the shape demands.
        base: JSON pointer of the contents.

    Returns:
        One-dimensional, of the field's type; BYTES as objects (strings).

    Raises:
        RefusedError: 400; another field is set, or the elements are not of the number or datatype.
    """
    field = _FIELDS.get(datatype)
    if field is None:
        raise _refused("type", f"expected raw contents: {datatype} has no field of its own", base)
    used = [descriptor.name for descriptor, _ in given.ListFields()]
    if used != [field]:
        raise _refused("type", f"expected {field}, and no other field, for {datatype}", base)
    values = getattr(given, field)
    if len(values) != count:
        detail = f"expected {count} elements, found {len(values)}"
        raise _refused("form", detail, f"{base}/{field}")
    if field == "bytes_contents":
        return _strings(values, f"{base}/{field}")
    elements: Elements = np.asarray(values, dtype=_TYPES[field])
    bounds = _NARROW.get(datatype)
    if bounds is not None and not bounds[0] <= elements.min() <= elements.max() <= bounds[1]:
        detail = f"expected integers from {bounds[0]} to {bounds[1]} for {datatype}"
        raise _refused("type", detail, f"{base}/{field}")
    return elements


def fill(into: pb.InferTensorContents, values: Elements, datatype: str) -> None:
    """Set the field of a datatype.

    Args:
        into: Empty.
        values: Any shape.
        datatype: FP64, INT64, BOOL or BYTES.
    """
    elements = values.ravel().tolist()
    if datatype == "BYTES":
        elements = [str(each).encode() for each in elements]
    getattr(into, _FIELDS[datatype]).extend(elements)


def _strings(values: Any, base: str) -> Elements:
    found = np.empty(len(values), dtype=object)
    try:
        found[:] = [each.decode() for each in values]
    except UnicodeDecodeError:
        raise _refused("type", "expected strings in UTF-8", base) from None
    return found


def _refused(reason: Reason, detail: str, place: str) -> RefusedError:
    return RefusedError(400, reason, detail, (Place(place, detail),))
