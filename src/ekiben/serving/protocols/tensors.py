"""Elements of tensors: JSON and bytes to arrays and back, bounds checked before anything is read.

Source: https://github.com/kserve/open-inference-protocol, inference_rest.md, "Tensor Data Types";
https://github.com/triton-inference-server/server, docs/protocol/extension_binary_data.md
"""

from __future__ import annotations

import itertools
import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from ekiben.serving.problem import Place, Reason, RefusedError

Elements = npt.NDArray[Any]
_NUMBERS: dict[str, np.dtype[Any]] = {
    name: np.dtype(code)
    for name, code in (
        ("FP64", "<f8"), ("FP32", "<f4"), ("FP16", "<f2"),
        ("INT64", "<i8"), ("INT32", "<i4"), ("INT16", "<i2"), ("INT8", "<i1"),
        ("UINT64", "<u8"), ("UINT32", "<u4"), ("UINT16", "<u2"), ("UINT8", "<u1"),
        ("BOOL", "?"),
    )
}  # fmt: skip
# BF16 is not in the protocol's table but in KServe's and Triton's; numpy has no such type.
DATATYPES = (*_NUMBERS, "BF16", "BYTES")
_HALVES = frozenset({"FP16", "BF16"})
_REAL: tuple[set[type], str] = ({float, int}, "expected a number")
_TYPES: dict[str, tuple[set[type], str]] = {
    "FP64": _REAL, "FP32": _REAL,
    "BOOL": ({bool}, "expected true or false"),
    "BYTES": ({str}, "expected a string"),
}  # fmt: skip
_INTEGER: tuple[set[type], str] = ({int}, "expected an integer")
_LENGTH = struct.Struct("<I")  # before each element of BYTES


def from_json(values: list[Any], datatype: str, base: str) -> Elements:
    """Elements of a tensor that is given in JSON.

    Args:
        values: One-dimensional.
        datatype: One of `DATATYPES`.
        base: JSON pointer of the values.

    Returns:
        Of the datatype; BYTES as objects (strings). With a null, which the protocol does not know and the
        schema may take for a missing value, objects of any datatype.

    Raises:
        RefusedError: 400; an element is not of the datatype.
    """
    if datatype in _HALVES:
        detail = f"{datatype} has no form in JSON: send it as binary data"
        raise RefusedError(400, "type", detail, (Place(base, detail),))
    kinds, wording = _TYPES.get(datatype, _INTEGER)
    if not kinds.issuperset(map(type, values)):
        present = [each for each in values if each is not None]
        if len(present) == len(values) or not kinds.issuperset(map(type, present)):
            raise _misfits(values, kinds, wording, datatype, base)
        found = iter(from_json(present, datatype, base).tolist())
        return _objects([None if each is None else next(found) for each in values])
    if datatype == "BYTES":
        return _objects(values)
    try:
        if datatype == "FP32":
            with np.errstate(over="ignore"):  # what is too large becomes infinity, and is refused as that
                return np.array(values, dtype=np.float32)
        return np.array(values, dtype=_NUMBERS[datatype])
    except OverflowError:
        raise _refused("type", f"a number is beyond {datatype}", base) from None


def from_bytes(raw: bytes, offset: int, size: int, datatype: str, count: int, base: str) -> Elements:
    """Elements of a tensor that is given as bytes.

    Args:
        raw: Holds the tensor's bytes.
        offset: Where they begin.
        size: How many they are.
        datatype: One of `DATATYPES`.
        count: How many elements the shape demands; at least one.
        base: JSON pointer of the tensor.

    Returns:
        A view of the bytes where numpy has the type; BYTES as objects (strings).

    Raises:
        RefusedError: 400; the size is not that of the elements, or an element is not of the datatype.
    """
    if offset + size > len(raw):
        raise _refused("form", f"expected {size} bytes of data, found {max(len(raw) - offset, 0)}", base)
    if datatype == "BYTES":
        return _objects(_strings(raw, offset, size, count, base))
    dtype = np.dtype("<u2") if datatype == "BF16" else _NUMBERS[datatype]
    if size != count * dtype.itemsize:
        detail = f"expected {count * dtype.itemsize} bytes of {datatype} data, found {size}"
        raise _refused("form", detail, base)
    if datatype == "BOOL":
        truths = np.frombuffer(raw, np.uint8, count, offset)
        if truths.max() > 1:
            raise _refused("type", "expected a byte 0 or 1 for each BOOL", base)
        return truths.view(np.bool_)
    values = np.frombuffer(raw, dtype, count, offset)
    if datatype == "BF16":  # the upper half of a float32
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values


def to_bytes(values: Elements, datatype: str) -> bytes:
    """Bytes of elements in row-major order.

    Args:
        values: Any shape.
        datatype: FP64, INT64, BOOL or BYTES.
    """
    if datatype != "BYTES":
        return values.astype(_NUMBERS[datatype], copy=False).tobytes()
    encoded = [str(each).encode() for each in values.ravel().tolist()]
    return b"".join(part for each in encoded for part in (_LENGTH.pack(len(each)), each))


def to_json(values: Elements, datatype: str) -> list[Any]:
    """Elements as JSON values, flattened.

    Args:
        values: Any shape.
        datatype: FP64, INT64, BOOL or BYTES.
    """
    found: list[Any] = (values if values.ndim == 1 else values.ravel()).tolist()
    return [str(each) for each in found] if datatype == "BYTES" else found


def flat(values: list[Any], shape: tuple[int, ...], base: str) -> tuple[list[Any], bool]:
    """Give values, in their natural form or flattened, as one list.

    Args:
        values: JSON.
        shape: One or two dimensions.
        base: JSON pointer of the values.

    Returns:
        As many values as the shape demands, and whether they were nested.

    Raises:
        RefusedError: 400; they are not of the shape.
    """
    count = shape[0] if len(shape) == 1 else shape[0] * shape[1]
    if len(shape) > 1 and values and type(values[0]) is list:
        inner = shape[1]
        if len(values) != shape[0] or any(type(row) is not list or len(row) != inner for row in values):
            raise _refused("form", f"expected {shape[0]} arrays of {inner} values", base)
        return list(itertools.chain.from_iterable(values)), True
    if len(values) != count:
        raise _refused("form", f"expected {count} values, found {len(values)}", base)
    return values, False


def _strings(raw: bytes, offset: int, size: int, count: int, base: str) -> list[str]:
    """Strings that are each preceded by their length."""
    found: list[str] = []
    end = offset + size
    wrong = f"expected {count} elements in {size} bytes and no byte more"
    try:
        while offset < end and len(found) < count:
            start = offset + _LENGTH.size
            offset = start + _LENGTH.unpack_from(raw, offset)[0]
            if offset > end:
                raise _refused("form", wrong, base)
            found.append(raw[start:offset].decode())
    except struct.error:
        raise _refused("form", wrong, base) from None
    except UnicodeDecodeError:
        raise _refused("type", "expected strings in UTF-8", base) from None
    if len(found) != count or offset != end:
        raise _refused("form", wrong, base)
    return found


def _objects(values: list[Any]) -> Elements:
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


def _misfits(values: list[Any], kinds: set[type], wording: str, datatype: str, base: str) -> RefusedError:
    places = (
        Place(f"{base}/{i}", wording)
        for i, each in enumerate(values)
        if not (each is None or type(each) in kinds)
    )
    return RefusedError(400, "type", f"the data are not of the datatype {datatype}", tuple(places))


def _refused(reason: Reason, detail: str, base: str) -> RefusedError:
    return RefusedError(400, reason, detail, (Place(base, detail),))
