"""The request object of an inference: what stands around its tensors, checked before they are read.

Source: https://github.com/kserve/open-inference-protocol, inference_rest.md, "Inference Request JSON Object";
https://github.com/triton-inference-server/server, docs/protocol/extension_binary_data.md
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ekiben.serving.problem import Place, Reason, RefusedError
from ekiben.serving.protocols import tensors
from ekiben.serving.protocols.features import Tensor

Wanted = tuple[tuple[str, bool], ...]  # names of outputs, and whether as bytes
_MEMBERS = frozenset({"id", "parameters", "inputs", "outputs", "model_name", "model_version"})
_INPUT_MEMBERS = frozenset({"name", "shape", "datatype", "parameters", "data"})
_OUTPUT_MEMBERS = frozenset({"name", "parameters"})
_PLAIN_MEMBERS = 4  # name, shape, datatype, data
_SCALARS = frozenset({str, int, float, bool, type(None)})
_LONGEST_LENGTH = 18  # digits; more are no length of anything
_DIMENSIONS = (1, 2)
_MOST = 2**64  # "an integer representable as an unsigned 64-bit integer value"


def header_length(given: bytes, body: bytes) -> int:
    """Length of the JSON object before the bytes, from `Inference-Header-Content-Length`.

    Raises:
        RefusedError: 400; it is no number, or the body is shorter.
    """
    if not given.isdigit() or len(given) > _LONGEST_LENGTH or int(given) > len(body):
        detail = "expected Inference-Header-Content-Length to be the length of the JSON object in the body"
        raise RefusedError(400, "form", detail)
    return int(given)


def check(document: Any, names: Mapping[str, str]) -> None:
    """Check the object itself, but not its inputs and outputs.

    Args:
        document: JSON.
        names: `model_name` and `model_version`, which it may repeat.

    Raises:
        RefusedError: 400.
    """
    if type(document) is not dict or type(document.get("inputs")) is not list or not document["inputs"]:
        raise _refused("form", "expected an inference request object with an array of inputs", "")
    if len(document) == 1:
        return
    _no_other(document, _MEMBERS, "")
    if type(document.get("id")) not in (str, type(None)):
        raise _refused("form", "expected a string", "/id")
    _parameters(document, "")
    for member, name in names.items():
        if document.get(member) not in (None, "", name):
            raise _refused("not_found", "expected the model of the path", f"/{member}")


def plain(parts: list[Any], name: str, width: int) -> list[Any] | None:
    """Rows of a request whose one tensor holds real numbers of all columns in JSON.

    Args:
        parts: The request's `inputs`.
        name: Of the tensor with all columns.
        width: How many columns there are.

    Returns:
        Arrays of JSON values, which are not checked; None if the request is another or has anything wrong.
    """
    part = parts[0]
    if len(parts) > 1 or type(part) is not dict or len(part) != _PLAIN_MEMBERS:
        return None
    shape, data = part.get("shape"), part.get("data")
    if part.get("datatype") != "FP64" or part.get("name") != name or type(data) is not list or not data:
        return None
    if type(shape) is not list or set(map(type, shape)) != {int}:
        return None
    if type(data[0]) is list:
        return data if shape == [len(data), width] and set(map(type, data)) == {list} else None
    if len(data) % width or shape != [len(data) // width, width]:
        return None
    return [data[start : start + width] for start in range(0, len(data), width)]


def inputs(parts: list[Any], body: bytes, binary: int, most: int) -> list[Tensor]:
    """Read the input tensors; those in bytes follow one another to the end of the body.

    Args:
        parts: The request's `inputs`.
        body: The whole body.
        binary: Where the bytes begin.
        most: Most inputs.

    Raises:
        RefusedError: 400.
    """
    if len(parts) > most:
        raise _refused("fields", f"expected at most {most} inputs", "/inputs")
    given = []
    for number, part in enumerate(parts):
        base = f"/inputs/{number}"
        name, datatype, shape = _described(part, base)
        size = _parameters(part, base).get("binary_data_size")
        if size is None:
            if type(part.get("data")) is not list:
                raise _refused("form", "expected an array", f"{base}/data")
            values, nested = tensors.flat(part["data"], shape, f"{base}/data")
            elements = tensors.from_json(values, datatype, f"{base}/data")
            given.append(Tensor(name, shape, elements, nested))
            continue
        if type(size) is not int or size < 0 or "data" in part:
            raise _refused("form", "expected either data or binary_data_size, a number of bytes", base)
        count = shape[0] * shape[-1] if len(shape) > 1 else shape[0]
        given.append(Tensor(name, shape, tensors.from_bytes(body, binary, size, datatype, count, base)))
        binary += size
    if binary != len(body):
        detail = f"expected no byte after the inputs' data, found {len(body) - binary}"
        raise _refused("form", detail, "")
    return given


def outputs(document: Mapping[str, Any], every: Wanted) -> Wanted:
    """Outputs of the answer, in the order of the request.

    Args:
        document: The request.
        every: All outputs that there are, none as bytes; what a request gets that does not say.

    Raises:
        RefusedError: 400; an output is unknown, or requested twice.
    """
    requested = document.get("outputs")
    binary = (document.get("parameters") or {}).get("binary_data_output")
    if binary is not None and type(binary) is not bool:
        raise _refused("form", "expected true or false", "/parameters/binary_data_output")
    if not requested and not binary and requested in (None, []):
        return every
    if type(requested) not in (list, type(None)) or len(requested or ()) > len(every):
        raise _refused("form", f"expected an array of at most {len(every)} outputs", "/outputs")
    known = [name for name, _ in every]
    found = {}
    for number, part in enumerate(requested or [{"name": name} for name, _ in every]):
        name, own = _output(part, known, f"/outputs/{number}")
        if name in found:
            raise _refused("form", "expected each output once", f"/outputs/{number}")
        found[name] = bool(binary) if own is None else own
    return tuple(found.items())


def _output(part: Any, known: list[str], base: str) -> tuple[str, bool | None]:
    """Name of a requested output, and whether it is wanted as bytes; None if it does not say."""
    if type(part) is not dict or type(part.get("name")) is not str:
        raise _refused("form", "expected an object with a name", base)
    _no_other(part, _OUTPUT_MEMBERS, base)
    if part["name"] not in known:
        raise _refused("form", f"expected one of the outputs {', '.join(known)}", f"{base}/name")
    binary = _parameters(part, base).get("binary_data")
    if binary is not None and type(binary) is not bool:
        raise _refused("form", "expected true or false", f"{base}/parameters/binary_data")
    return part["name"], binary


def _described(part: Any, base: str) -> tuple[str, str, tuple[int, ...]]:
    """Name, datatype and shape of an input."""
    if type(part) is not dict:
        raise _refused("form", "expected an object", base)
    _no_other(part, _INPUT_MEMBERS, base)
    name, datatype, shape = part.get("name"), part.get("datatype"), part.get("shape")
    if type(name) is not str:
        raise _refused("form", "expected a string", f"{base}/name")
    if type(datatype) is not str or datatype not in tensors.DATATYPES:
        expected = f"expected one of {', '.join(tensors.DATATYPES)}"
        raise _refused("type", expected, f"{base}/datatype")
    if type(shape) is not list or len(shape) not in _DIMENSIONS:
        raise _refused("form", "expected an array of one or two dimensions", f"{base}/shape")
    for each in shape:
        if type(each) is not int or not 1 <= each < _MOST:
            raise _refused("form", "expected integers from 1 to 2^64 - 1: at least one row", f"{base}/shape")
    return name, datatype, tuple(shape)


def _parameters(part: dict[str, Any], base: str) -> dict[str, Any]:
    """Parameters of an object; those that are not known mean nothing here, as the protocol allows."""
    found = part.get("parameters")
    if found is None:
        return {}
    if type(found) is not dict or not _SCALARS.issuperset(map(type, found.values())):
        expected = "expected an object of strings, numbers, true and false"
        raise _refused("form", expected, f"{base}/parameters")
    return found


def _no_other(part: dict[str, Any], members: frozenset[str], base: str) -> None:
    if not members.issuperset(part):
        detail = f"expected no other members than {', '.join(sorted(members))}"
        raise _refused("fields", detail, base)


def _refused(reason: Reason, detail: str, place: str) -> RefusedError:
    return RefusedError(400, reason, detail, (Place(place, detail),))
