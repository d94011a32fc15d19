"""What is believed of a request before its body is decoded: its id, its media type, its size."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ekiben.serving import decoding
from ekiben.serving.problem import RefusedError

Receive = Callable[[], Awaitable[Any]]
_ID = re.compile(rb"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
_DISCARD_FACTOR = 8  # how many times the limit is read and thrown away, so that the caller sees the refusal


class GoneError(Exception):
    """The client closed its connection before its request was complete."""


class SlowError(Exception):
    """The body did not arrive in time."""


def request_id(headers: Mapping[bytes, bytes]) -> str:
    """Id of a request: its `X-Request-Id` if that is harmless, else a new one."""
    given = headers.get(b"x-request-id")
    if given is not None and _ID.match(given):
        return given.decode()
    return os.urandom(16).hex()


def check_media_type(headers: Mapping[bytes, bytes]) -> None:
    """Accept JSON in UTF-8, uncompressed, and nothing else.

    Raises:
        RefusedError: 415.
    """
    decoding.check_media_type(headers)
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise RefusedError(415, "content_type", "expected a body without content encoding")


async def body(receive: Receive, headers: Mapping[bytes, bytes], *, most_bytes: int, seconds: float) -> bytes:
    """Read a body, counting its bytes whatever the headers say.

    Args:
        receive: ASGI's.
        headers: The request's.
        most_bytes: Longest body.
        seconds: Longest wait for all of it.

    Raises:
        RefusedError: 413.
        GoneError: The client went away.
        SlowError: The body was not complete in time.
    """
    too_large = RefusedError(413, "too_large", f"expected a body of at most {most_bytes} bytes")
    if b"expect" in headers and _declared(headers) > most_bytes:
        raise too_large  # the client waits for leave to send: it gets none
    try:
        async with asyncio.timeout(seconds):
            content = await _read(receive, most_bytes)
    except TimeoutError:
        raise SlowError from None
    if content is None:
        raise too_large
    return content


async def _read(receive: Receive, most_bytes: int) -> bytes | None:
    """Give the body; None if it is too long (then up to `_DISCARD_FACTOR` times the limit was read)."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise GoneError
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size <= most_bytes:
            chunks.append(chunk)
        elif size > most_bytes * _DISCARD_FACTOR:
            return None
        if not message.get("more_body", False):
            break
    if size > most_bytes:
        return None
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _declared(headers: Mapping[bytes, bytes]) -> int:
    length = headers.get(b"content-length", b"0")
    return int(length) if length.isdigit() else 0
