"""Bodies that come compressed: unpacked up to a limit, never beyond it.

Source: https://www.rfc-editor.org/rfc/rfc9110#section-8.4 and
https://www.rfc-editor.org/rfc/rfc8878 (zstd).
"""

from __future__ import annotations

import zlib
from typing import Any

from ekiben.serving.exchange import Headers
from ekiben.serving.problem import RefusedError

ENCODINGS = (b"gzip", b"zstd")
_GZIP_WINDOW = 16 + zlib.MAX_WBITS  # zlib's way to say: a gzip header must be there
_ZSTD_WINDOW = 1 << 23  # the largest that a decoder must support, by the RFC's recommendation
_ACCEPT = ((b"accept-encoding", b", ".join(ENCODINGS)),)


def is_packed(headers: Headers) -> bool:
    """Whether the body needs unpacking."""
    return b"content-encoding" in headers and headers[b"content-encoding"].lower() != b"identity"


def unpack(body: bytes, headers: Headers, most_bytes: int) -> bytes:
    """Undo the content encoding.

    Args:
        body: As it came.
        headers: The request's.
        most_bytes: Longest result.

    Raises:
        RefusedError: 415 for another encoding, 413 for a result that is too long, 400 for a body that is
            not of its encoding.
    """
    encoding = headers.get(b"content-encoding", b"identity").strip().lower()
    if encoding in (b"identity", b""):
        return body
    if encoding not in ENCODINGS:
        raise RefusedError(
            415, "content_type", "expected the content encoding gzip, zstd or none", headers=_ACCEPT
        )
    unpacked = _gunzip(body, most_bytes) if encoding == b"gzip" else _unzstd(body, most_bytes)
    if unpacked is None:
        raise RefusedError(400, "encoding", f"expected a complete {encoding.decode()} body")
    if len(unpacked) > most_bytes:
        raise RefusedError(413, "too_large", f"expected a body of at most {most_bytes} bytes, unpacked")
    return unpacked


def _gunzip(body: bytes, most_bytes: int) -> bytes | None:
    """At most one byte more than allowed; None for what is not gzip. A body may hold several members."""
    parts, left = [], most_bytes + 1
    while body:
        member = zlib.decompressobj(_GZIP_WINDOW)
        try:
            part = member.decompress(body, left)
        except zlib.error:
            return None
        parts.append(part)
        left -= len(part)
        if left <= 0:
            break
        if not member.eof:
            return None
        body = member.unused_data
    return b"".join(parts)


def _unzstd(body: bytes, most_bytes: int) -> bytes | None:
    """As `_gunzip`. The library bounds what it gives only where it does not say whether a frame was whole."""
    import zstandard

    decoder = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    parts, left = [], most_bytes + 1
    try:
        with decoder.stream_reader(body, read_across_frames=True) as reader:
            while left > 0 and (part := reader.read(left)):
                parts.append(part)
                left -= len(part)
        if left > 0 and not _is_whole(decoder, body):
            return None
    except zstandard.ZstdError:
        return None
    return b"".join(parts)


def _is_whole(decoder: Any, body: bytes) -> bool:
    """Whether every frame of a body that is known to be small ends."""
    while body:
        frame = decoder.decompressobj()
        frame.decompress(body)
        if not frame.eof:
            return False
        body = frame.unused_data
    return True
