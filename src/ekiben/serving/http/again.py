"""Heads that come again: a client that keeps its connection sends the same bytes, but for the body.

The parser's work on a head, and what follows from it alone (route, fields, credential), is kept by the
head's bytes. What comes with the same bytes is understood in the same way, so the parser need not see it;
who may call, and whether there is room, is decided anew each time. Most of a small request's time goes into
calls from the parser, one per field: with six fields, about a quarter of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ekiben.serving.counters import Visits
from ekiben.serving.exchange import Dialect, Endpoint, Headers

END = b"\r\n\r\n"
LESSONS = 16  # of one connection: a caller whose heads are never the same fills no memory with them
_MOST_HEADS = 512
_MOST_BYTES = 2_048  # of a head that is kept; all of them together are about a mebibyte
# Fields that are another one in each request: such heads do not come again.
_UNIQUE = (b"x-request-id", b"traceparent")
# What would have the connection, or the body, handled in other ways than the usual one.
_UNUSUAL = (b"transfer-encoding", b"expect", b"upgrade")


@dataclass(frozen=True, slots=True)
class Known:
    """A head that was read before: of a prediction with a body of known length, on a kept connection.

    Attributes:
        endpoint: Its route.
        dialect: The route's.
        headers: Its fields; shared, never changed.
        size: Bytes of its body.
        counters: Of its route.
        credential: What it brings to be known by.
    """

    endpoint: Endpoint
    dialect: Dialect
    headers: Headers
    size: int
    counters: Visits
    credential: bytes


class Heads:
    """Known heads of one port, by their bytes; all are forgotten when there are too many."""

    def __init__(self) -> None:
        self._known: dict[bytes, Known] = {}
        self.get = self._known.get

    def learn(self, head: bytes, target: bytes, fields: Sequence[tuple[bytes, bytes]], known: Known) -> None:
        """Keep a head, if it can come again and is beyond doubt.

        Args:
            head: What came, to the first empty line.
            target: The request's, as the parser gave it.
            fields: Those of the request that the parser read; another one's prove nothing.
            known: To keep.
        """
        if len(head) > _MOST_BYTES or not _read_so(head, target, fields):
            return
        headers = known.headers
        if len(headers) != len(fields) or any(name in headers for name in (*_UNIQUE, *_UNUSUAL)):
            return
        if len(self._known) >= _MOST_HEADS:
            self._known.clear()
        self._known[head] = known


def _read_so(head: bytes, target: bytes, fields: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether these bytes, line by line, are the POST that the parser read."""
    first, *lines = head.removesuffix(END).split(b"\r\n")
    return (
        head.endswith(END)
        and first == b"POST %b HTTP/1.1" % target
        and len(lines) == len(fields)
        and all(map(_same, lines, fields))
    )


def _same(line: bytes, field: tuple[bytes, bytes]) -> bool:
    name, _, value = line.partition(b":")
    return (name.lower(), value.strip(b" \t")) == field
