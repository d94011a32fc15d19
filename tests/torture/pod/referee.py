"""h11 as the referee: what a server must make of the bytes of a connection, or of an answer's.

Where h11 is more lenient than RFC 9112 allows a server to be, a server that
refuses is right too; where it refuses, a server that accepts is wrong.

Source: https://h11.readthedocs.io/
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from typing import Any, Literal

import h11

State = Literal["open", "closed", "unfinished", "refused"]
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # https://www.rfc-editor.org/rfc/rfc9113#section-3.4
_SEPARATORS = re.compile(rb"^[^\r\n]+")


@dataclass(slots=True)
class Asked:
    """One request as h11 reads it.

    Attributes:
        method: As sent.
        target: As sent.
        must_fail: Whether it must be answered 4xx, whatever else it says: it has no Host, or two.
        body: Whole.
    """

    method: str
    target: bytes
    must_fail: bool = False
    body: bytes = b""


@dataclass(slots=True)
class Reading:
    """What h11 reads on a connection.

    Attributes:
        asked: Whole requests, in order.
        state: Then the connection is `open` for more, must be `closed`, waits for the rest of something
            `unfinished`, or has been `refused`.
        begun: A request whose head came, but not all of its body.
        rest: What was not read as a whole request.
    """

    asked: list[Asked] = field(default_factory=list)
    state: State = "open"
    begun: Asked | None = None
    rest: bytes = b""


def read(content: bytes) -> Reading:
    """Read a connection as a server that answers each request and grants no upgrade.

    Freedoms that RFC 9112 gives to a server and h11 does not take are taken
    here: empty lines ahead of a request (2.2), other white space between the
    parts of its first line (3), and the connection goes on after a 400 for a
    Host that is missing or there twice (3.2), since it ends where it ends. The
    beginning of HTTP/2's preface may be waited on until it is whole.
    """
    found = Reading()
    while found.state == "open":
        content = _SEPARATORS.sub(_single, content.lstrip(b"\r\n"), count=1)
        if not content:
            break
        if len(content) > len("PRI *") and _PREFACE.startswith(content):
            found.state = "unfinished"
            break
        connection, must_fail = _fed(content), False
        try:
            try:
                found.state = _one(found, connection, must_fail)
            except h11.RemoteProtocolError as error:
                if "Host" not in str(error):
                    raise
                connection, must_fail = _fed(_with_host(content)), True
                found.state = _one(found, connection, must_fail)
        except h11.RemoteProtocolError:
            found.state = "refused"
        if found.state == "open":
            content = connection.trailing_data[0]
    found.rest = content
    return found


def _single(line: re.Match[bytes]) -> bytes:
    """The first line with single spaces."""
    return b" ".join(line[0].split())


def _fed(content: bytes) -> h11.Connection:
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 16)
    connection.receive_data(content)
    return connection


def _with_host(content: bytes) -> bytes:
    """The first head with exactly one Host: its framing is read as it would have been."""
    end = content.find(b"\r\n\r\n")
    first, *lines = (content[:end] if end >= 0 else content).split(b"\r\n")
    kept = [each for each in lines if not each.lower().startswith(b"host:")]
    return b"\r\n".join([first, b"Host: x", *kept]) + (content[end:] if end >= 0 else b"")


def _one(found: Reading, connection: h11.Connection, must_fail: bool) -> State:
    """Read one request; the state after it."""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            return "unfinished"
        if isinstance(event, h11.Request):
            found.begun = Asked(event.method.decode(), event.target, must_fail)
        elif isinstance(event, h11.Data) and found.begun is not None:
            found.begun.body += event.data
        elif isinstance(event, h11.EndOfMessage) and found.begun is not None:
            found.asked.append(found.begun)
            found.begun = None
            return "open" if _answered(connection) else "closed"
        else:
            return "closed"


def _answered(connection: h11.Connection) -> bool:
    """Answer the request; whether another may come on the connection."""
    connection.send(h11.Response(status_code=404, headers=[(b"content-length", b"0")]))
    connection.send(h11.EndOfMessage())
    if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
        return False
    connection.start_next_cycle()
    return True


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer as h11 reads it."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes
    interim: tuple[int, ...]


class Answers:
    """A client's side of a connection, read by h11.

    Raises:
        h11.RemoteProtocolError: From any method: the answer breaks HTTP/1.1.
    """

    def __init__(self) -> None:
        self._connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 16)
        self._body = b""
        self._response: h11.Response | None = None
        self._interim: list[int] = []

    def asked(self, method: str) -> None:
        """Note a request that was sent; its answer is the next one."""
        self._connection.send(h11.Request(method=method, target="/", headers=[("Host", "x")]))
        self._connection.send(h11.EndOfMessage())

    def receive(self, content: bytes | None = None) -> Answered | None:
        """Take bytes (empty ones: the server closed), if any; gives the answer when it is whole."""
        if content is not None:
            self._connection.receive_data(content)
        while True:
            event = self._connection.next_event()
            if event is h11.NEED_DATA or event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                return None
            if isinstance(event, h11.InformationalResponse):
                self._interim.append(event.status_code)
            elif isinstance(event, h11.Response):
                self._response = event
            elif isinstance(event, h11.Data):
                self._body += event.data
            elif isinstance(event, h11.EndOfMessage):
                assert self._response is not None
                found = Answered(
                    self._response.status_code, dict(self._response.headers), self._body, tuple(self._interim)
                )
                self._body, self._interim = b"", []
                return found

    def next(self) -> bool:
        """Begin the next request on the connection; False if it must be closed."""
        if self._connection.our_state is not h11.DONE or self._connection.their_state is not h11.DONE:
            return False
        self._connection.start_next_cycle()
        return True

    def waiting(self) -> bytes:
        """Bytes that came after the last answer."""
        return self._connection.trailing_data[0]


def rows(body: bytes) -> list[list[float]] | None:
    """Rows that a body asks for, read strictly by the standard library; None if it is no such body."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) != len(pairs):
            raise ValueError("a key twice")
        return dict(pairs)

    def never(name: str) -> Any:
        raise ValueError(name)

    try:
        document = json.loads(body.decode(), object_pairs_hook=once, parse_constant=never)
    except (ValueError, RecursionError):
        return None
    found = document["instances"] if isinstance(document, dict) and list(document) == ["instances"] else None
    if isinstance(document, list):
        found = [document]
    whole = isinstance(found, list) and all(
        isinstance(row, list)
        and len(row) == 4
        and all(type(value) in {int, float} and math.isfinite(value) for value in row)
        for row in found
    )
    return found if whole and found else None
