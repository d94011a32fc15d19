"""Content encodings: what is packed comes out, up to the limit and whole."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest
import zstandard

from ekiben.serving.pace import Pace
from ekiben.serving.problem import RefusedError
from ekiben.serving.unpack import is_packed, unpack

TEXT = b'{"instances": [[1, 2, 3]]}' * 50


def refusal(body: bytes, encoding: bytes, most_bytes: int = 10_000) -> tuple[int, str]:
    with pytest.raises(RefusedError) as caught:
        unpack(body, {b"content-encoding": encoding}, most_bytes)
    return caught.value.status, caught.value.reason


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        (b"gzip", gzip.compress(TEXT)),
        (b"GZIP", gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:])),
        (b"zstd", zstandard.compress(TEXT)),
        (b"zstd", zstandard.compress(TEXT[:100]) + zstandard.compress(TEXT[100:])),
        (b"identity", TEXT),
        (b"", TEXT),
    ],
)
def test_bodies_come_out(encoding: bytes, body: bytes) -> None:
    """Of one member or frame, of several, and plain."""
    assert unpack(body, {b"content-encoding": encoding}, len(TEXT)) == TEXT


def test_bodies_without_the_field() -> None:
    """Nothing is done."""
    assert unpack(TEXT, {}, len(TEXT)) == TEXT
    assert not is_packed({})
    assert is_packed({b"content-encoding": b"gzip"})


@pytest.mark.parametrize("encoding", [b"gzip", b"zstd"])
def test_one_byte_too_many(encoding: bytes) -> None:
    """The limit is on what comes out."""
    packed = gzip.compress(TEXT) if encoding == b"gzip" else zstandard.compress(TEXT)
    assert refusal(packed, encoding, len(TEXT) - 1) == (413, "too_large")


@pytest.mark.parametrize("encoding", [b"gzip", b"zstd"])
def test_bombs_are_not_unpacked(encoding: bytes) -> None:
    """A gigabyte of zeros is refused after the limit, in no time and memory."""
    zeros = b"\0" * (1 << 20)
    if encoding == b"gzip":
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        bomb = b"".join(packer.compress(zeros) for _ in range(64)) + packer.flush()
    else:
        bomb = zstandard.compress(zeros) * 1_000
    tracemalloc.start()
    try:
        assert refusal(bomb, encoding) == (413, "too_large")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 1 << 20


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        (b"gzip", gzip.compress(TEXT)[:-5]),
        (b"gzip", zlib.compress(TEXT)),
        (b"gzip", gzip.compress(TEXT) + b"rest"),
        (b"gzip", b"{}"),
        (b"zstd", zstandard.compress(TEXT)[:-5]),
        (b"zstd", b"{}"),
    ],
)
def test_broken_bodies(encoding: bytes, body: bytes) -> None:
    """Truncated, of another format, or with something behind: 400."""
    assert refusal(body, encoding) == (400, "encoding")


def test_other_encodings() -> None:
    """415 names those that are read."""
    with pytest.raises(RefusedError) as caught:
        unpack(TEXT, {b"content-encoding": b"br"}, 10_000)
    assert (caught.value.status, dict(caught.value.headers)) == (415, {b"accept-encoding": b"gzip, zstd"})


def test_a_pace_is_learned() -> None:
    """A predictor of 2 ms and 0.1 ms per row is known after a few calls of both kinds."""
    pace = Pace()
    assert pace.seconds(100) == 0
    for rows in (1, 2, 64, 1, 256):
        pace.note(rows, 0.002 + 0.0001 * rows)
    assert pace.seconds(100) == pytest.approx(0.012, rel=0.05)
    assert pace.seconds(0) == 0
