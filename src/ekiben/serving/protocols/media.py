"""Media types of requests, by RFC 9110: exact names, UTF-8 or nothing, no parameter ignored."""

from __future__ import annotations

from ekiben.serving.exchange import Headers
from ekiben.serving.problem import RefusedError

JSON, CSV, OCTETS, TEXT = "application/json", "text/csv", "application/octet-stream", "text/plain"
_TEXTS = frozenset({JSON, CSV})  # what has a character set


def of(headers: Headers, accepted: tuple[str, ...]) -> tuple[str, dict[str, str]]:
    """Media type of a request's body, and its parameters.

    Args:
        headers: The request's.
        accepted: Media types in lower case; the empty one stands for a request that names none.

    Returns:
        One of `accepted`, and the parameters without `charset`, names and values in lower case.

    Raises:
        RefusedError: 415.
    """
    given = headers.get(b"content-type", b"")
    if given == b"application/json" and JSON in accepted:
        return JSON, {}
    media_type, *rest = (part.strip().lower() for part in given.decode("latin-1").split(";"))
    parameters = {}
    for each in rest:
        name, _, value = each.partition("=")
        if not name or name in parameters:
            raise _unsupported(accepted)
        parameters[name] = value.strip('"')
    if media_type not in accepted or (media_type in _TEXTS and parameters.pop("charset", "utf-8") != "utf-8"):
        raise _unsupported(accepted)
    return media_type, parameters


def plain(headers: Headers, accepted: tuple[str, ...]) -> str:
    """As `of`, for a protocol without parameters but `charset`.

    Raises:
        RefusedError: 415.
    """
    media_type, parameters = of(headers, accepted)
    if parameters:
        raise _unsupported(accepted)
    return media_type


def prefers_csv(headers: Headers) -> bool:
    """Whether `Accept` names CSV before anything that JSON satisfies; weights are not weighed."""
    for part in headers.get(b"accept", b"").decode("latin-1").split(","):
        media_type = part.partition(";")[0].strip().lower()
        if media_type == CSV:
            return True
        if media_type in {JSON, "application/*", "*/*"}:
            return False
    return False


def _unsupported(accepted: tuple[str, ...]) -> RefusedError:
    names = " or ".join(each for each in accepted if each)
    return RefusedError(415, "content_type", f"expected the content type {names} (charset utf-8)")
