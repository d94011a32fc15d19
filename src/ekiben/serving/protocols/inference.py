"""`POST /v2/models/{model}/infer`: the Open Inference Protocol with the binary tensor data extension.

Source: https://github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md;
https://github.com/triton-inference-server/server, docs/protocol/extension_binary_data.md. Which sentence of
them is kept where: docs/protocols.md
"""

from __future__ import annotations

from typing import Any

import orjson

from ekiben.serving.answer import JSON, Answer
from ekiben.serving.decoding import decode
from ekiben.serving.exchange import Headers, Question
from ekiben.serving.predictor import Answers
from ekiben.serving.problem import Place, RefusedError
from ekiben.serving.protocols import features, finite, media, tensors
from ekiben.serving.protocols.features import Tensor
from ekiben.serving.protocols.refusals import ErrorObject
from ekiben.serving.protocols.served import Served
from ekiben.serving.protocols.signature import Signature
from ekiben.serving.validation import Validator

LENGTH = b"inference-header-content-length"
_OCTETS = media.OCTETS.encode()
_MEMBERS = frozenset({"id", "parameters", "inputs", "outputs", "model_name", "model_version"})
_INPUT_MEMBERS = frozenset({"name", "shape", "datatype", "parameters", "data"})
_OUTPUT_MEMBERS = frozenset({"name", "parameters"})
_SCALARS = frozenset({str, int, float, bool, type(None)})
_LONGEST_LENGTH = 18  # digits; more are no length of anything
_DIMENSIONS = (1, 2)
_MOST = 2**64  # "an integer representable as an unsigned 64-bit integer value"

Wanted = tuple[tuple[int, bool], ...]  # places in the signature's outputs, and whether as bytes


class Infer(ErrorObject):
    """Inference as a dialect.

    Args:
        model: What is served.
        signature: Its tensors.
        validator: Its validator.
    """

    def __init__(self, model: Served, signature: Signature, validator: Validator) -> None:
        self._names = {"model_name": model.name, "model_version": model.version}
        self._signature = signature
        self._validator = validator
        self._places = {each.name: place for place, each in enumerate(signature.outputs)}
        self._all: Wanted = tuple((place, False) for place in range(len(signature.outputs)))

    def read(self, body: bytes, headers: Headers) -> Question:
        """Decode and check a request; see `Dialect.read`."""
        length = headers.get(LENGTH)
        # Triton's client names no media type, so a request without one is taken for what it looks like.
        if length is None:
            media.plain(headers, (media.JSON, ""))
            text, binary = body, len(body)
        else:
            media.plain(headers, (media.OCTETS, media.JSON, ""))
            binary = _length(length, body)
            if not binary:
                return self._raw(body)
            text = body[:binary]
        document = decode(text)
        self._check(document)
        given = self._inputs(document["inputs"], body, binary)
        rows = features.rows(given, self._signature, self._validator)
        note = (document.get("id"), self._wanted(document))
        return Question(rows, note, self._validator.out_of_range(rows))

    def write(self, question: Question, answers: Answers, request_id: str) -> Answer:
        """Encode an answer; see `Dialect.write`."""
        given, wanted = question.note
        outputs, chunks = [], []
        for place, binary in wanted:
            declared = self._signature.outputs[place]
            values = answers.probabilities if place else answers.predictions
            if values is None:
                raise ValueError("the predictor gave no probabilities")
            output = {"name": declared.name, "shape": values.shape, "datatype": declared.datatype}
            if binary:
                chunk = tensors.to_bytes(values, declared.datatype)
                output["parameters"] = {"binary_data_size": len(chunk)}
                chunks.append(chunk)
            else:
                output["data"] = tensors.to_json(values, declared.datatype)
            outputs.append(output)
        document = {**self._names, "id": request_id if given is None else given, "outputs": outputs}
        if not chunks:
            return Answer(200, finite.dumps(document, answers), JSON, rows=len(question.rows))
        header = orjson.dumps(document) if len(chunks) == len(outputs) else finite.dumps(document, answers)
        length = (LENGTH, str(len(header)).encode())
        return Answer(200, b"".join((header, *chunks)), _OCTETS, (length,), rows=len(question.rows))

    def _raw(self, body: bytes) -> Question:
        """One row as bare bytes, "treated as batch-1 request"; all outputs as bytes."""
        if not self._signature.whole:
            raise _refused("form", "expected an inference header: this model has no single input", "")
        declared = self._signature.inputs[0]
        width = declared.shape[1]
        elements = tensors.from_bytes(body, 0, len(body), declared.datatype, width, "")
        rows = self._validator.array(elements.reshape(1, width), "")
        note = (None, tuple((place, True) for place, _ in self._all))
        return Question(rows, note, self._validator.out_of_range(rows))

    def _check(self, document: Any) -> None:
        """The request object, but for its inputs and outputs."""
        if type(document) is not dict or type(document.get("inputs")) is not list or not document["inputs"]:
            raise _refused("form", "expected an inference request object with an array of inputs", "")
        if len(document) == 1:
            return
        _no_other(document, _MEMBERS, "")
        if type(document.get("id")) not in (str, type(None)):
            raise _refused("form", "expected a string", "/id")
        _parameters(document, "")
        for member, name in self._names.items():
            if document.get(member) not in (None, "", name):
                raise _refused("not_found", "expected the model of the path", f"/{member}")

    def _inputs(self, parts: list[Any], body: bytes, binary: int) -> list[Tensor]:
        """Input tensors; those in bytes follow one another from `binary` to the end of the body."""
        if len(parts) > max(len(self._signature.columns), 1):
            raise _refused("fields", f"expected at most {len(self._signature.columns)} inputs", "/inputs")
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

    def _wanted(self, document: dict[str, Any]) -> Wanted:
        """Outputs of the answer, in the order of the request."""
        requested = document.get("outputs")
        binary = (document.get("parameters") or {}).get("binary_data_output")
        if binary is not None and type(binary) is not bool:
            raise _refused("form", "expected true or false", "/parameters/binary_data_output")
        if not requested and not binary and requested in (None, []):
            return self._all
        if type(requested) not in (list, type(None)) or len(requested or ()) > len(self._all):
            raise _refused("form", f"expected an array of at most {len(self._all)} outputs", "/outputs")
        found = {}
        for number, part in enumerate(requested or ({"name": name} for name in self._places)):
            place, own = self._output(part, f"/outputs/{number}")
            if place in found:
                raise _refused("form", "expected each output once", f"/outputs/{number}")
            found[place] = bool(binary) if own is None else own
        return tuple(found.items())

    def _output(self, part: Any, base: str) -> tuple[int, bool | None]:
        if type(part) is not dict or type(part.get("name")) is not str:
            raise _refused("form", "expected an object with a name", base)
        _no_other(part, _OUTPUT_MEMBERS, base)
        if part["name"] not in self._places:
            raise _refused("form", f"expected one of the outputs {', '.join(self._places)}", f"{base}/name")
        binary = _parameters(part, base).get("binary_data")
        if binary is not None and type(binary) is not bool:
            raise _refused("form", "expected true or false", f"{base}/parameters/binary_data")
        return self._places[part["name"]], binary


def _length(given: bytes, body: bytes) -> int:
    """Length of the JSON object before the bytes."""
    if not given.isdigit() or len(given) > _LONGEST_LENGTH or int(given) > len(body):
        detail = "expected Inference-Header-Content-Length to be the length of the JSON object in the body"
        raise RefusedError(400, "form", detail)
    return int(given)


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


def _refused(reason: Any, detail: str, place: str) -> RefusedError:
    return RefusedError(400, reason, detail, (Place(place, detail),))
