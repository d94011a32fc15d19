"""`ModelInfer` as a dialect: protobuf to rows, and answers to protobuf; nothing of connections.

Source: https://github.com/kserve/open-inference-protocol, specification/protocol/inference_grpc.md and
open_inference_grpc.proto. Which sentence of them is kept where: docs/protocols-grpc.md
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ekiben.serving.answer import Answer
from ekiben.serving.exchange import Headers, Question
from ekiben.serving.predictor import Answers
from ekiben.serving.problem import Place, Reason, RefusedError
from ekiben.serving.protocols import features, refusals, tensors
from ekiben.serving.protocols.features import Tensor
from ekiben.serving.protocols.served import Served
from ekiben.serving.protocols.signature import Signature
from ekiben.serving.rpc import contents
from ekiben.serving.rpc.generated import open_inference_grpc_pb2 as pb
from ekiben.serving.rpc.messages import decoded, encoded
from ekiben.serving.validation import Validator

MEDIA_TYPE = b"application/grpc+proto"
_DIMENSIONS = (1, 2)


@dataclass(frozen=True, slots=True)
class Note:
    """What an answer needs of its request.

    Attributes:
        id: As the request has it.
        wanted: Places in the signature's outputs.
        raw: Whether the request's tensors were bytes, so that the answer's are too.
    """

    id: str
    wanted: tuple[int, ...]
    raw: bool


class Infer:
    """Inference as a dialect.

    Args:
        model: What is served.
        signature: Its tensors.
        validator: Its validator.
    """

    def __init__(self, model: Served, signature: Signature, validator: Validator) -> None:
        self._model = model
        self._signature = signature
        self._validator = validator
        self._places = {each.name: place for place, each in enumerate(signature.outputs)}
        self._all = tuple(range(len(signature.outputs)))

    def read(self, body: bytes, headers: Headers) -> Question:
        """Decode and check a request; see `Dialect.read`."""
        del headers
        request = decoded(pb.ModelInferRequest.FromString, body)
        known(request.model_name, request.model_version, self._model)
        raw = len(request.raw_input_contents) > 0
        given = self._inputs(request.inputs, request.raw_input_contents if raw else None)
        rows = features.rows(given, self._signature, self._validator)
        note = Note(request.id, self._wanted(request.outputs), raw)
        return Question(rows, note, self._validator.out_of_range(rows))

    def write(self, question: Question, answers: Answers, request_id: str) -> Answer:
        """Encode an answer; see `Dialect.write`."""
        del request_id  # "The id of the inference request if one was specified"
        note: Note = question.note
        response = pb.ModelInferResponse(id=note.id)
        response.model_name, response.model_version = self._model.name, self._model.version
        for place in note.wanted:
            declared = self._signature.outputs[place]
            values = answers.probabilities if place else answers.predictions
            if values is None:
                raise ValueError("the predictor gave no probabilities")
            output = response.outputs.add(name=declared.name, datatype=declared.datatype, shape=values.shape)
            if note.raw:
                response.raw_output_contents.append(tensors.to_bytes(values, declared.datatype))
            else:
                contents.fill(output.contents, values, declared.datatype)
        return Answer(200, encoded(response), MEDIA_TYPE)

    def refuse(self, error: RefusedError, request_id: str) -> Answer:
        """Encode a refusal: the text of its status; see `Dialect.refuse`."""
        return refuse(error, request_id)

    def _inputs(self, parts: Sequence[Any], raws: Sequence[bytes] | None) -> list[Tensor]:
        """Input tensors, each from its typed contents or all from bytes."""
        most = len(self._signature.columns)
        if not 1 <= len(parts) <= most:
            raise _refused("fields", f"expected 1 to {most} inputs, found {len(parts)}", "/inputs")
        if raws is not None and len(raws) != len(parts):
            detail = f"expected raw contents for each of {len(parts)} input(s), found {len(raws)}"
            raise _refused("form", detail, "/raw_input_contents")
        given = []
        for number, part in enumerate(parts):
            base = f"/inputs/{number}"
            shape = _shape(part, base)
            count = math.prod(shape)
            if raws is None:
                elements = contents.read(part.contents, part.datatype, count, f"{base}/contents")
            elif part.HasField("contents"):
                raise _refused("form", "expected no contents beside raw contents", f"{base}/contents")
            else:
                raw = raws[number]
                place = f"/raw_input_contents/{number}"
                elements = tensors.from_bytes(raw, 0, len(raw), part.datatype, count, place)
            given.append(Tensor(part.name, shape, elements))
        return given

    def _wanted(self, requested: Sequence[Any]) -> tuple[int, ...]:
        """Outputs of the answer, in the order of the request."""
        if not requested:
            return self._all
        if len(requested) > len(self._all):
            raise _refused("form", f"expected at most {len(self._all)} outputs", "/outputs")
        names = [each.name for each in requested]
        if not set(names) <= self._places.keys() or len(set(names)) != len(names):
            raise _refused("form", f"expected each of {', '.join(self._places)} at most once", "/outputs")
        return tuple(self._places[name] for name in names)


def known(name: str, version: str, model: Served) -> None:
    """See that a request is for the model that is served; an empty version takes what there is.

    Raises:
        RefusedError: 404.
    """
    if name != model.name or version not in ("", model.version):
        raise RefusedError(404, "not_found", f"expected the model {model.name} in version {model.version}")


def refuse(error: RefusedError, request_id: str) -> Answer:
    """Encode the refusal of any call: the text of its status."""
    del request_id
    text = refusals.sentence(error).encode()
    return Answer(error.status, text, b"text/plain", headers=error.headers)


def _shape(part: Any, base: str) -> tuple[int, ...]:
    if part.datatype not in tensors.DATATYPES:
        expected = f"expected one of {', '.join(tensors.DATATYPES)}"
        raise _refused("type", expected, f"{base}/datatype")
    shape = tuple(part.shape)
    if len(shape) not in _DIMENSIONS:
        raise _refused("form", "expected one or two dimensions", f"{base}/shape")
    if min(shape) < 1:
        raise _refused("form", "expected dimensions from 1: at least one row", f"{base}/shape")
    return shape


def _refused(reason: Reason, detail: str, place: str) -> RefusedError:
    return RefusedError(400, reason, detail, (Place(place, detail),))
