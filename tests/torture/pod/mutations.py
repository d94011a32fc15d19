"""Seeded mutations of valid HTTP/1.1 requests: bytes, lines, lengths, and the shapes of request smuggling.

Source: RFC 9112 sections 2.2, 5.1, 6.1 to 6.3, 7.1 and 11.2.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tests.torture.pod.oracle import Question
from tests.torture.pod.wire import request

Mutation = Callable[[bytes, random.Random], bytes]
_NOISE = b"\x00\x01\t\n\x0b\x0c\r !\"#%&'()*+,-./:;<=>?@[\\]^_`{|}~\x7f\x80\xc3\xff"
_LENGTHS = (
    "+5",
    "-1",
    "0x10",
    "5, 5",
    "5 5",
    "5;",
    " 5",
    "5\x0b",
    "",
    "00",
    "1e1",
    "18446744073709551616",
    "5\r\n ",
    "\u0665",  # a digit, but no ASCII
)
_CODINGS = (
    "chunked", "Chunked", "xchunked", "chunked, chunked", "gzip, chunked", "chunked, identity", "identity",
    " chunked", "chunked ", "chunked\x0b", "\x00chunked", "chunk\r\n ed", '"chunked"', "",
)  # fmt: skip
_FIELDS = (
    b"Connection: close", b"Connection: keep-alive", b"Connection: upgrade\r\nUpgrade: h2c",
    b"Expect: 100-continue", b"Expect: 200-ok", b"Trailer: X", b"TE: trailers", b"Host: other", b"Host:",
    b": empty", b"No-Colon", b" Folded: x", b"Space : x", b"X\x00: y", b"X: \x00", b"X: \xff\xfe",
    b"Content-Type: text/plain", b"Content-Encoding: gzip", b"X: " + b"a" * 3_000, b"A" * 300 + b": x",
    b"Upgrade: websocket", b"X-Request-Id: a\tb", b"Content-Length: 3",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding:\tchunked", b"Transfer-Encoding : chunked",
)  # fmt: skip
_TARGETS = (
    b"*", b"/predict?x=1", b"/predict#x", b"http://torture/predict", b"//predict", b"/pre%64ict",
    b"/predict\x00", b"predict", b"/../predict", b"/\xff", b"torture:80", b"/" + b"a" * 9_000, b"",
)  # fmt: skip
_VERSIONS = (
    b"HTTP/1.0",
    b"HTTP/0.9",
    b"HTTP/2.0",
    b"HTTP/1.2",
    b"HTTP/1.10",
    b"http/1.1",
    b"HTTP/1.1 ",
    b"HTTP/1",
    b"",
)
_METHODS = (b"GET", b"HEAD", b"OPTIONS", b"CONNECT", b"TRACE", b"post", b"POST\t", b"P\x00ST", b"PRI", b"")


def valid(questions: list[Question], draw: random.Random) -> bytes:
    """A valid request: a prediction with a length or in chunks, or a probe."""
    chance = draw.random()
    if chance < 0.1:
        return request(draw.choice(["GET", "HEAD"]), draw.choice(["/livez", "/readyz", "/nowhere"]))
    question = draw.choice(questions)
    if chance < 0.7:
        return question.request(f"case-{draw.randrange(1 << 30)}")
    headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    return request("POST", "/predict", None, headers) + chunked(question.body, draw)


def chunked(body: bytes, draw: random.Random) -> bytes:
    """A body in chunks of any size, sometimes with an extension or a trailer."""
    parts = []
    while body:
        size = draw.randint(1, len(body))
        extension = draw.choice([b"", b"", b"", b";a=b", b';a="b"'])
        parts.append(b"%x%s\r\n%s\r\n" % (size, extension, body[:size]))
        body = body[size:]
    trailer = draw.choice([b"", b"", b"X-Trailer: x\r\n"])
    return b"".join(parts) + b"0\r\n" + trailer + b"\r\n"


def _place(content: bytes, draw: random.Random) -> int:
    """A place to change: mostly within the head, where the grammar is."""
    end = content.find(b"\r\n\r\n") + 4
    return draw.randrange(end if end > 3 and draw.random() < 0.8 else max(1, len(content)))


def flip(content: bytes, draw: random.Random) -> bytes:
    """Change a byte."""
    at = _place(content, draw)
    byte = draw.choice(_NOISE) if draw.random() < 0.7 else draw.randrange(256)
    return content[:at] + bytes([byte]) + content[at + 1 :]


def insert(content: bytes, draw: random.Random) -> bytes:
    """Put a byte in."""
    at = _place(content, draw)
    return content[:at] + bytes([draw.choice(_NOISE)]) + content[at:]


def remove(content: bytes, draw: random.Random) -> bytes:
    """Take a few bytes out."""
    at = _place(content, draw)
    return content[:at] + content[at + draw.randint(1, 4) :]


def truncate(content: bytes, draw: random.Random) -> bytes:
    """Cut it off."""
    return content[: draw.randrange(1, max(2, len(content)))]


def repeat(content: bytes, draw: random.Random) -> bytes:
    """Repeat a part of it."""
    at, size = draw.randrange(len(content)), draw.randint(1, 60)
    return content[: at + size] + content[at:]


def _head(content: bytes) -> tuple[list[bytes], bytes]:
    head, _, body = content.partition(b"\r\n\r\n")
    return head.split(b"\r\n"), body


def _joined(lines: list[bytes], body: bytes) -> bytes:
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def header(content: bytes, draw: random.Random) -> bytes:
    """Put a header in: odd, contradicting, or twice."""
    lines, body = _head(content)
    lines.insert(draw.randint(1, len(lines)), draw.choice(_FIELDS))
    return _joined(lines, body)


def twice(content: bytes, draw: random.Random) -> bytes:
    """Repeat a header line, or leave one out."""
    lines, body = _head(content)
    at = draw.randrange(1, len(lines)) if len(lines) > 1 else 0
    lines[at : at + 1] = [lines[at]] * draw.choice([0, 2])
    return _joined(lines, body)


def length(content: bytes, draw: random.Random) -> bytes:
    """Another Content-Length: wrong, odd, or a second one."""
    lines, body = _head(content)
    wrong = draw.choice([*_LENGTHS, str(len(body) + 1), str(max(0, len(body) - 1)), str(len(body)), "0"])
    line = f"Content-Length: {wrong}".encode()
    if draw.random() < 0.6:
        lines = [each for each in lines if not each.lower().startswith(b"content-length")]
    return _joined([*lines, line], body)


def coding(content: bytes, draw: random.Random) -> bytes:
    """A Transfer-Encoding, odd or beside a Content-Length."""
    lines, body = _head(content)
    name = draw.choice(
        ["Transfer-Encoding", "transfer-encoding", "Transfer-Encoding ", "Transfer\x00Encoding"]
    )
    line = f"{name}: {draw.choice(_CODINGS)}".encode()
    lines.insert(draw.randint(1, len(lines)), line)
    return _joined(lines, chunked(body, draw) if draw.random() < 0.5 else body)


def smuggle(content: bytes, draw: random.Random) -> bytes:
    """A second request inside the body of the first: CL.TE, TE.CL, TE.TE."""
    hidden = request("GET", "/readyz")
    kind = draw.randrange(3)
    inner = b"0\r\n\r\n" + hidden
    both = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    if kind == 0:
        return request("POST", "/predict", inner, both)
    if kind == 1:
        chunk = b"%x\r\n%s\r\n0\r\n\r\n" % (len(hidden), hidden)
        return request("POST", "/predict", None, {**both, "Content-Length": "4"}) + chunk
    lines, body = _head(content)
    lines += [
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: " + draw.choice([b"identity", b"cow", b"chunked"]),
    ]
    return _joined(lines, inner + body)


def line(content: bytes, draw: random.Random) -> bytes:
    """Another method, target or version."""
    lines, body = _head(content)
    parts = lines[0].split(b" ")
    at = draw.randrange(3)
    if len(parts) == 3:
        parts[at] = draw.choice((_METHODS, _TARGETS, _VERSIONS)[at])
    lines[0] = draw.choice([b" ", b" ", b" ", b"  ", b"\t"]).join(parts)
    return _joined(lines, body)


def ends(content: bytes, draw: random.Random) -> bytes:
    """Line ends that are not CRLF."""
    other = draw.choice([b"\n", b"\r", b"\r\r\n", b"\n\r", b"\r\n\r\n"])
    if draw.random() < 0.5:
        return content.replace(b"\r\n", other)
    return content.replace(b"\r\n", other, draw.randint(1, 3))


def chunks(content: bytes, draw: random.Random) -> bytes:
    """Chunk sizes, extensions and ends that are wrong."""
    lines, body = _head(content)
    lines = [each for each in lines if not each.lower().startswith((b"content-length", b"transfer-encoding"))]
    lines.append(b"Transfer-Encoding: chunked")
    size = draw.choice(
        [
            b"%x",
            b"0x%x",
            b"+%x",
            b"-%x",
            b" %x",
            b"%x ",
            b"%x;",
            b"%x\t",
            b"00000000000000000%x",
            b"%xg",
            b"%x\x00",
        ]
    )
    end = draw.choice([b"\r\n", b"\n", b"", b"\r\n\r\n", b"\r", b"XX"])
    bad = (
        size % max(1, len(body))
        + b"\r\n"
        + body
        + end
        + draw.choice([b"0\r\n\r\n", b"0\n\n", b"0\r\n", b"00\r\n\r\n"])
    )
    return _joined(lines, bad)


def before(content: bytes, draw: random.Random) -> bytes:
    """Something ahead of the request line."""
    return (
        draw.choice(
            [
                b"\r\n",
                b"\n",
                b"\r\n\r\n\r\n",
                b" ",
                b"\x16\x03\x01",
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                b"\x00",
            ]
        )
        + content
    )


def same(content: bytes, draw: random.Random) -> bytes:
    """Nothing: what is valid must be answered right."""
    del draw
    return content


MUTATIONS: tuple[Mutation, ...] = (
    flip, insert, remove, truncate, repeat, header, twice, length, coding, smuggle, line, ends, chunks,
    before, same,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """Bytes of one connection.

    Attributes:
        pieces: In which they are sent.
        untouched: So many valid requests come first.
    """

    pieces: tuple[bytes, ...]
    untouched: int


def case(questions: list[Question], draw: random.Random) -> Case:
    """One to three requests, one of them mutated up to three times, in up to four pieces."""
    requests = [valid(questions, draw) for _ in range(draw.choice([1, 1, 1, 2, 3]))]
    at = draw.randrange(len(requests))
    for _ in range(draw.choice([1, 1, 2, 3])):
        requests[at] = draw.choice(MUTATIONS)(requests[at] or b"\r\n", draw) or b"\r\n"
    whole = b"".join(requests)
    cuts = sorted(draw.randrange(1, len(whole)) for _ in range(draw.choice([0, 0, 1, 3])) if len(whole) > 1)
    pieces = tuple(whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True))
    return Case(pieces, at)
