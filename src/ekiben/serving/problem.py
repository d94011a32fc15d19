"""Error bodies: RFC 9457 problem documents with JSON pointers (RFC 6901).

No document repeats what a client sent: pointers name places of the schema and
row numbers, never a value or a key that only the request knows.

Source: https://www.rfc-editor.org/rfc/rfc9457
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal, Self, get_args

import orjson

CONTENT_TYPE = b"application/problem+json"
MOST_ERRORS = 20  # places named in one document

Reason = Literal[
    "content_type",
    "encoding",
    "too_large",
    "not_json",
    "duplicate_key",
    "form",
    "rows",
    "fields",
    "type",
    "not_finite",
    "range",
    "category",
    "missing",
    "not_additive",
    "not_http",
    "not_found",
    "method",
    "unauthenticated",
    "forbidden",
    "rate",
    "busy",
    "late",
    "slow",
    "not_ready",
    "failed",
]
REASONS: tuple[Reason, ...] = get_args(Reason)


@dataclass(frozen=True, slots=True)
class Place:
    """One wrong place.

    Attributes:
        pointer: JSON pointer into the request; empty for the whole body.
        detail: What was expected there.
    """

    pointer: str
    detail: str


class RefusedError(Exception):
    """A request that admission or validation refuses; each protocol writes it in its own words.

    Attributes:
        status: HTTP status of the answer.
        reason: Why, as counted in the metrics.
        detail: One sentence.
        places: Wrong places, at most `MOST_ERRORS`.
        headers: Further headers of the answer (`Retry-After`, `WWW-Authenticate`, `Allow`).
        rows: Rows of the request, all refused; 0 if they were not decoded.
    """

    def __init__(
        self,
        status: int,
        reason: Reason,
        detail: str,
        places: tuple[Place, ...] = (),
        *,
        headers: tuple[tuple[bytes, bytes], ...] = (),
        rows: int = 0,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.reason: Reason = reason
        self.detail = detail
        self.places = places[:MOST_ERRORS]
        self.headers = headers
        self.rows = rows

    def bare(self) -> Self:
        """Forget where it was raised, and after what: those frames hold the whole request.

        An error that a frame keeps is garbage that only a collection finds: twenty bodies of 1 MiB, decoded
        and refused, took 120 MiB until then.
        """
        self.__traceback__ = self.__context__ = self.__cause__ = None
        return self


def retry_after(seconds: float) -> tuple[tuple[bytes, bytes], ...]:
    """Field that says when to come back: whole seconds, at least one.

    Source: https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
    """
    return ((b"retry-after", str(max(1, math.ceil(seconds))).encode()),)


def busy(seconds: float) -> RefusedError:
    """Refusal of work that would not be finished in time; `seconds` until there may be room."""
    detail = "this replica has all the work it can finish in time"
    return RefusedError(503, "busy", detail, headers=retry_after(seconds))


def late() -> RefusedError:
    """Refusal of work that nobody waits for any more."""
    return RefusedError(504, "late", "the answer was not there in time")


def pointer(*parts: str | int) -> str:
    """JSON pointer of these steps, `~` and `/` escaped."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)


def body(
    status: int, detail: str, *, request_id: str, reason: str = "", places: tuple[Place, ...] = ()
) -> bytes:
    """Encode a problem document.

    Args:
        status: HTTP status, 400-599.
        detail: One sentence that says what was expected.
        request_id: Id of the request.
        reason: Machine-readable cause; empty leaves it out.
        places: Wrong places in the request.
    """
    document: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if reason:
        document["reason"] = reason
    if places:
        document["errors"] = [{"pointer": each.pointer, "detail": each.detail} for each in places]
    document["id"] = request_id
    return orjson.dumps(document)
