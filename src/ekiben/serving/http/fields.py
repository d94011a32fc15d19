"""What a request's head must be, beyond what the parser checks.

Source: https://www.rfc-editor.org/rfc/rfc9112#section-3.2 (Host) and
https://www.rfc-editor.org/rfc/rfc9110#section-5.3 (fields that must not come twice).
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Sequence

import httptools

from ekiben.serving.exchange import Headers
from ekiben.serving.problem import RefusedError

# Refusals that are not raised; one that is raised collects tracebacks, so it is made anew each time.
NOT_HTTP = RefusedError(400, "not_http", "expected an HTTP/1.1 request (RFC 9112)")
NOT_FOUND = RefusedError(404, "not_found", "no such route")
FULL = RefusedError(
    503, "busy", "this replica has all the connections it can hold", headers=((b"retry-after", b"1"),)
)
LONG_HEAD = RefusedError(431, "too_large", "expected a request line and fields of at most 32 KiB in all")
NOT_READY = RefusedError(503, "not_ready", "the model is not ready", headers=((b"retry-after", b"1"),))
SLOW = RefusedError(408, "slow", "the request did not arrive in time")
_OFFER = frozenset({b"upgrade", b"http2-settings"})
_VERSIONS = ("1.1", "1.0")
_ONCE = frozenset(
    {b"host", b"transfer-encoding", b"content-length", b"content-type", b"content-encoding", b"authorization"}
)


def check(fields: Sequence[tuple[bytes, bytes]], headers: Headers, version: str) -> None:
    """Refuse a head that two readers could understand differently.

    A transfer coding other than `chunked` is the caller's fault here (400), not the 501 that RFC 9112,
    section 6.1, suggests: no caller can make a pod look as if it failed.

    Raises:
        RefusedError: 400; a version that is neither 1.1 nor 1.0, no Host in HTTP/1.1, a field twice that
            must come once, or a transfer coding that nobody here decodes.
    """
    if version not in _VERSIONS:
        raise RefusedError(400, "not_http", "expected HTTP/1.1 (RFC 9112)")
    if version == "1.1" and b"host" not in headers:
        raise RefusedError(400, "not_http", "expected a Host field (RFC 9112, section 3.2)")
    if headers.get(b"transfer-encoding", b"chunked").lower() != b"chunked":
        raise RefusedError(400, "not_http", "expected no transfer coding but chunked (RFC 9112, section 6.1)")
    if len(headers) != len(fields):
        names = [name for name, _ in fields]
        if any(names.count(name) > 1 for name in _ONCE):
            raise RefusedError(400, "not_http", "expected fields of which there can be one only once")


def path_of(target: bytes) -> str:
    """Path of a request target; empty for one that has none (`*`, an authority)."""
    try:
        found = httptools.parse_url(target).path
    except httptools.HttpParserInvalidURLError:
        return ""
    path = (found or b"").decode("latin-1")
    return urllib.parse.unquote(path) if "%" in path else path


def too_large(most_bytes: int) -> RefusedError:
    """Refusal of a body."""
    return RefusedError(413, "too_large", f"expected a body of at most {most_bytes} bytes")


def method_refused(methods: tuple[str, ...]) -> RefusedError:
    """Refusal of a method; where GET is allowed, HEAD is too."""
    methods = tuple(
        each for method in methods for each in ((method, "HEAD") if method == "GET" else (method,))
    )
    allow = ((b"allow", ", ".join(methods).encode()),)
    return RefusedError(405, "method", f"expected {' or '.join(methods)}", headers=allow)


def without_offer(method: bytes, target: bytes, version: str, sent: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Write a request's head again, without its offer to upgrade.

    Source: https://www.rfc-editor.org/rfc/rfc9110#section-7.8 ("A server MAY ignore a received Upgrade")
    """
    lines = [b"%b %b HTTP/%b" % (method, target, version.encode())]
    for name, value in sent:
        if name == b"connection":
            tokens = [each.strip() for each in value.split(b",")]
            value = b", ".join(each for each in tokens if each.lower() not in _OFFER)  # noqa: PLW2901 - the rest of it
        if name not in _OFFER:
            lines.append(b"%b: %b" % (name, value))
    return b"\r\n".join([*lines, b"", b""])
