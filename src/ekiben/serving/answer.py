"""What leaves the pod for one request, before HTTP."""

from __future__ import annotations

from dataclasses import dataclass

from ekiben.serving import problem
from ekiben.serving.problem import RefusedError

JSON = b"application/json"


@dataclass(slots=True)  # not frozen: made for every request, and freezing costs three times the making
class Answer:
    """One answer.

    Attributes:
        status: HTTP status.
        body: Its bytes.
        content_type: Media type of the body.
        headers: Further headers.
    """

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


def refusal(error: RefusedError, request_id: str) -> Answer:
    """Problem document as the answer to a request that was refused."""
    body = problem.body(
        error.status, error.detail, request_id=request_id, reason=error.reason, places=error.places
    )
    return Answer(error.status, body, problem.CONTENT_TYPE, error.headers)
