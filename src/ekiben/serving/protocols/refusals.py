"""Refusals in one sentence, for the protocols whose errors are a sentence."""

from __future__ import annotations

from http import HTTPStatus

import orjson

from ekiben.serving.answer import Answer
from ekiben.serving.problem import RefusedError


def sentence(error: RefusedError) -> str:
    """What was expected, with the pointer of each wrong place."""
    places = "; ".join(
        f"{each.pointer}: {each.detail}" if each.pointer else each.detail for each in error.places
    )
    if all(each.detail == error.detail for each in error.places):
        return places or error.detail
    return f"{error.detail}: {places}"


def status_of(error: RefusedError) -> int:
    """Status of a refusal where the protocol knows one status, 400, for all that does not fit."""
    return HTTPStatus.BAD_REQUEST if error.status == HTTPStatus.UNPROCESSABLE_ENTITY else error.status


class ErrorObject:
    """Refusals as `{"error": ...}`: KServe v1 and the Open Inference Protocol.

    Source: https://github.com/kserve/open-inference-protocol, inference_rest.md, "Inference Response JSON
    Error Object"; kserve/errors.py for the statuses.
    """

    def refuse(self, error: RefusedError, request_id: str) -> Answer:
        """Encode a refusal; see `Dialect.refuse`."""
        del request_id
        return Answer(status_of(error), orjson.dumps({"error": sentence(error)}), headers=error.headers)
