"""From the pod's one vocabulary, HTTP's statuses, to gRPC's codes.

Source: https://grpc.github.io/grpc/core/md_doc_statuscodes.html; 429 and 413 as in
https://github.com/googleapis/googleapis, google/rpc/code.proto (RESOURCE_EXHAUSTED)
"""

from __future__ import annotations

from typing import Final

import grpc

OK, CLIENT_GONE = 200, 499  # 499: nginx' number for a client that went away before its answer
_CODES: Final = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.NOT_FOUND,
    408: grpc.StatusCode.DEADLINE_EXCEEDED,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    415: grpc.StatusCode.INVALID_ARGUMENT,
    422: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED,
    CLIENT_GONE: grpc.StatusCode.CANCELLED,
    501: grpc.StatusCode.UNIMPLEMENTED,
    503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}
# Source: https://github.com/grpc/proposal/blob/master/A6-client-retries.md, "Pushback"
PUSHBACK = "grpc-retry-pushback-ms"
LONGEST_DETAIL = 2_048  # bytes; clients take 8 KiB of metadata unless told otherwise, and text may triple

Trailers = tuple[tuple[str, str], ...]


def code(status: int) -> grpc.StatusCode:
    """Code of a status; what is not known is the server's fault."""
    return _CODES.get(status, grpc.StatusCode.INTERNAL)


def trailers(headers: tuple[tuple[bytes, bytes], ...], request_id: str) -> Trailers:
    """Trailing metadata of a refusal: its headers, and when to try again, in gRPC's words.

    Args:
        headers: Of the refusal; `Retry-After` in whole seconds.
        request_id: Id of the call.
    """
    found = [(name.decode().lower(), value.decode("latin-1")) for name, value in headers]
    found += [(PUSHBACK, f"{value}000") for name, value in found if name == "retry-after"]
    return (*found, ("x-request-id", request_id))


def detail(body: bytes) -> str:
    """Text of a status, bounded."""
    return body[:LONGEST_DETAIL].decode(errors="ignore")
