"""What leaves the pod for one request, before HTTP."""

from __future__ import annotations

from dataclasses import dataclass

from ekiben.serving import problem
from ekiben.serving.problem import Place, Reason, RefusedError

JSON = b"application/json"


@dataclass(slots=True)  # not frozen: made for every request, and freezing costs three times the making
class Answer:
    """One answer and what is counted of it.

    Attributes:
        status: HTTP status.
        body: Its bytes.
        content_type: Media type of the body.
        headers: Further headers.
        rows: Rows predicted.
        reason: Why it was refused; None if it was not.
        close: Whether the connection must end with this answer.
    """

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()
    rows: int = 0
    reason: Reason | None = None
    close: bool = False


def refusal(error: RefusedError, request_id: str, *, close: bool = False) -> Answer:
    """Answer of a request that was refused."""
    return failure(
        error.status,
        error.detail,
        request_id,
        reason=error.reason,
        places=error.places,
        headers=error.headers,
        close=close,
    )


def failure(
    status: int,
    detail: str,
    request_id: str,
    *,
    reason: Reason | None = None,
    places: tuple[Place, ...] = (),
    headers: tuple[tuple[bytes, bytes], ...] = (),
    close: bool = False,
) -> Answer:
    """Problem document as an answer."""
    return Answer(
        status=status,
        body=problem.body(status, detail, request_id=request_id, reason=reason or "", places=places),
        content_type=problem.CONTENT_TYPE,
        headers=headers,
        reason=reason,
        close=close,
    )
