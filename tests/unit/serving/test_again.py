"""Which heads are remembered, and how many."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ekiben.serving.http.again import Heads

LINE = b"POST /predict HTTP/1.1\r\n"
HEAD = LINE + b"Host: x\r\nContent-Length: 3\r\n\r\n"
FIELDS = [(b"host", b"x"), (b"content-length", b"3")]


def known(fields: Any) -> Any:
    return SimpleNamespace(headers=dict(fields))


def learned(head: bytes, fields: list[tuple[bytes, bytes]]) -> bool:
    heads = Heads()
    heads.learn(head, b"/predict", fields, known(fields))
    return heads.get(head) is not None


def test_a_plain_head_is_remembered() -> None:
    """By its bytes: one byte more is another head."""
    heads, value = Heads(), known(FIELDS)
    heads.learn(HEAD, b"/predict", FIELDS, value)
    assert heads.get(HEAD) is value
    assert heads.get(HEAD + b" ") is None


@pytest.mark.parametrize(
    "field",
    [
        (b"x-request-id", b"1"), (b"traceparent", b"00"), (b"transfer-encoding", b"chunked"),
        (b"expect", b"100-continue"), (b"upgrade", b"h2c"), (b"host", b"y"),
    ],
)  # fmt: skip
def test_heads_that_are_unlike_the_next_are_not_kept(field: tuple[bytes, bytes]) -> None:
    """Ids, codings, questions and fields that come twice."""
    head = HEAD[:-2] + b"%b: %b\r\n\r\n" % field
    assert not learned(head, [*FIELDS, field])


@pytest.mark.parametrize(
    "head",
    [
        HEAD.replace(b"\r\nContent", b"\nContent"),
        HEAD.replace(b"x\r\n", b"x\r\n folded\r\n"),
        b"\r\n" + HEAD,
        HEAD.replace(b"Content-Length: 3", b"Transfer-Encoding: chunked"),
        HEAD.replace(b"/predict", b"/explain"),
        HEAD.replace(b"POST", b"GET"),
        HEAD[:-2] + b"X: " + b"x" * 2_048 + b"\r\n\r\n",
        b"",
    ],
)
def test_heads_that_are_not_beyond_doubt_are_not_kept(head: bytes) -> None:
    """Where lines and fields do not agree, the parser decides each time; nor is what is very long kept."""
    assert not learned(head, FIELDS)


def test_heads_are_bounded() -> None:
    """However many come, no more than 512 are kept, and new ones are."""
    heads = Heads()
    for number in range(10_000):
        fields = [(b"host", b"x%d" % number), FIELDS[1]]
        heads.learn(HEAD.replace(b"x\r\n", b"x%d\r\n" % number), b"/predict", fields, known(fields))
    assert len(heads._known) <= 512
    assert heads.get(HEAD.replace(b"x\r\n", b"x9999\r\n")) is not None
