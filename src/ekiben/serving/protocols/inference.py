"""`POST /v2/models/{model}/infer`: the Open Inference Protocol with the binary tensor data extension.

Which sentence of the specifications is kept where: docs/protocols.md.
"""

from __future__ import annotations

from typing import Any

import orjson

from ekiben.serving.answer import JSON, Answer
from ekiben.serving.decoding import decode
from ekiben.serving.exchange import Headers, Question
from ekiben.serving.predictor import Answers
from ekiben.serving.problem import RefusedError
from ekiben.serving.protocols import features, finite, media, request, tensors
from ekiben.serving.protocols.refusals import ErrorObject
from ekiben.serving.protocols.served import Served
from ekiben.serving.protocols.signature import PREDICT, Signature
from ekiben.serving.validation import Rows, Validator

LENGTH = b"inference-header-content-length"
_OCTETS = media.OCTETS.encode()


class Infer(ErrorObject):
    """Inference as a dialect; its question's note is the given id and the outputs that are wanted.

    Args:
        model: What is served.
        signature: Its tensors.
        validator: Its validator.
    """

    def __init__(self, model: Served, signature: Signature, validator: Validator) -> None:
        self._names = {"model_name": model.name, "model_version": model.version}
        self._signature = signature
        self._validator = validator
        self._width = len(signature.columns)
        self._datatypes = {each.name: each.datatype for each in signature.outputs}
        self._every = tuple((each.name, False) for each in signature.outputs)

    def read(self, body: bytes, headers: Headers) -> Question:
        """Decode and check a request; see `Dialect.read`."""
        length = headers.get(LENGTH)
        # Triton's client names no media type, so a request without one is taken for what it looks like.
        if length is None:
            media.plain(headers, (media.JSON, ""))
            text, binary = body, len(body)
        else:
            media.plain(headers, (media.OCTETS, media.JSON, ""))
            binary = request.header_length(length, body)
            if not binary:
                return self._raw(body)
            text = body[:binary]
        document = decode(text)
        request.check(document, self._names)
        rows = self._quickly(document["inputs"]) if binary == len(body) else None
        if rows is None:
            given = request.inputs(document["inputs"], body, binary, self._width)
            rows = features.rows(given, self._signature, self._validator)
        note = (document.get("id"), request.outputs(document, self._every))
        return Question(rows, note, self._validator.out_of_range(rows))

    def write(self, question: Question, answers: Answers, request_id: str) -> Answer:
        """Encode an answer; see `Dialect.write`."""
        given, wanted = question.note
        outputs, chunks = [], []
        for name, binary in wanted:
            values = answers.predictions if name == PREDICT else answers.probabilities
            if values is None:
                raise ValueError("the predictor gave no probabilities")
            datatype = self._datatypes[name]
            output = {"name": name, "shape": values.shape, "datatype": datatype}
            if binary:
                chunk = tensors.to_bytes(values, datatype)
                output["parameters"] = {"binary_data_size": len(chunk)}
                chunks.append(chunk)
            else:
                output["data"] = tensors.to_json(values, datatype)
            outputs.append(output)
        document = {**self._names, "id": request_id if given is None else given, "outputs": outputs}
        if not chunks:
            return Answer(200, finite.dumps(document, answers), JSON)
        header = orjson.dumps(document) if len(chunks) == len(outputs) else finite.dumps(document, answers)
        length = (LENGTH, str(len(header)).encode())
        return Answer(200, b"".join((header, *chunks)), _OCTETS, (length,))

    def _quickly(self, parts: list[Any]) -> Rows | None:
        """Rows of the usual request, without an array on the way; None if there is any doubt."""
        instances = (
            request.plain(parts, self._signature.features, self._width) if self._validator.real else None
        )
        if instances is None:
            return None
        try:
            return self._validator.rows(instances, "")
        except RefusedError:  # the long way knows the places
            return None

    def _raw(self, body: bytes) -> Question:
        """One row as bare bytes, "treated as batch-1 request"; all outputs as bytes."""
        if not self._signature.whole:
            raise RefusedError(400, "form", "expected an inference header: this model has several inputs")
        declared = self._signature.inputs[0]
        width = declared.shape[1]
        elements = tensors.from_bytes(body, 0, len(body), declared.datatype, width, "")
        rows = self._validator.array(elements.reshape(1, width), "")
        note = (None, tuple((name, True) for name, _ in self._every))
        return Question(rows, note, self._validator.out_of_range(rows))
