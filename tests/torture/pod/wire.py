"""HTTP/1.1 from a client's side, on raw asyncio streams; it shares no parser with the pod.

Source: https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass

HOST = "127.0.0.1"
_LONGEST_HEAD = 1 << 16


class WireError(Exception):
    """What came is no HTTP answer, or ended in the middle of one."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One final answer.

    Attributes:
        status: HTTP status, 200 and up.
        headers: Names in lower case; a name that came twice has its last value.
        body: Whole.
        closing: Whether the server said that it closes the connection.
    """

    status: int
    headers: dict[bytes, bytes]
    body: bytes
    closing: bool


def request(
    method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> bytes:
    """Bytes of a request; a body gets its Content-Length and, unless given, the type of JSON."""
    lines = [f"{method} {path} HTTP/1.1", "Host: torture"]
    given = dict(headers or {})
    if body is not None:
        given.setdefault("Content-Type", "application/json")
        given.setdefault("Content-Length", str(len(body)))
    lines += [f"{name}: {value}" for name, value in given.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


class Connection:
    """One connection to a server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> Connection:
        """Connect."""
        return cls(*await asyncio.open_connection(HOST, port, limit=_LONGEST_HEAD))

    @property
    def ended(self) -> bool:
        """Whether the server has closed it, as far as this side knows."""
        return self.reader.at_eof() or self.writer.is_closing()

    async def ask(self, content: bytes, *, head: bool = False) -> Reply:
        """Send a request, read its answer."""
        self.writer.write(content)
        await self.writer.drain()
        return await reply(self.reader, head=head)

    def close(self) -> None:
        """Close this side; nobody waits for the other."""
        self.writer.close()

    def reset(self) -> None:
        """Close with RST, as a process that died does."""
        found: socket.socket = self.writer.get_extra_info("socket")
        with contextlib.suppress(OSError):
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


async def once(port: int, content: bytes, seconds: float = 5, *, head: bool = False) -> Reply:
    """Ask on a connection of its own.

    Raises:
        OSError: No connection, or it was reset.
        TimeoutError: No answer in time.
        WireError: Not an answer.
    """
    async with asyncio.timeout(seconds):
        connection = await Connection.open(port)
        try:
            return await connection.ask(content, head=head)
        finally:
            connection.close()


async def reply(reader: asyncio.StreamReader, *, head: bool = False) -> Reply:
    """Read one final answer; interim ones (1xx) are passed over.

    Raises:
        WireError: The stream ended or what came is not HTTP.
    """
    while True:
        status, headers, version = await _head(reader)
        if status >= 200:
            break
    closing = headers.get(b"connection", b"").lower() == b"close" or version == b"HTTP/1.0"
    if head or status in {204, 304}:
        return Reply(status, headers, b"", closing)
    try:
        if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
            body = await _chunks(reader)
        elif b"content-length" in headers:
            body = await reader.readexactly(int(headers[b"content-length"]))
        else:
            body, closing = await reader.read(), True
    except (asyncio.IncompleteReadError, ValueError) as error:
        raise WireError(f"the body ended early: {error}") from error
    return Reply(status, headers, body, closing)


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[bytes, bytes], bytes]:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        said = "half an answer" if error.partial else "no answer"
        raise WireError(f"the connection ended with {said}") from error
    except asyncio.LimitOverrunError as error:
        raise WireError("a head without an end") from error
    first, *lines = head[:-4].split(b"\r\n")
    version, _, rest = first.partition(b" ")
    if version not in {b"HTTP/1.1", b"HTTP/1.0"} or not rest[:3].isdigit():
        raise WireError("not a status line")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon:
            raise WireError("not a header")
        headers[name.lower()] = value.strip()
    return int(rest[:3]), headers, version


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass
    return b"".join(parts)
