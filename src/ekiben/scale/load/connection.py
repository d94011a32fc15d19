"""The generator's HTTP/1.1 connections: one request at a time each, recycled by age.

Our own protocol over httptools rather than an HTTP library: age, order of use and retries
(none) of connections decide which replicas get traffic and what counts as lost, so they must
be ours; and the load shares the machine with what it measures (measured on loopback, closed
loop of 8: 20 us of CPU time per request, aiohttp's client 90 us).
"""

from __future__ import annotations

import asyncio
import errno
import random
import ssl
from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

import httptools

from ekiben.scale.load.target import Endpoint

# A server closes idle connections on its own (uvicorn after 5 s); one that is about to must not be used.
_IDLE_SECONDS = 2.0
LARGEST_ANSWER_BYTES = 16 * 1024 * 1024
# The generator's own limits: the service cannot be blamed for these.
OWN_ERRORS = frozenset({errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM})


class Listener(Protocol):
    """Who asked for the answer."""

    def answered(self, index: int, status: int, body: bytes, pod: str) -> None:
        """A whole answer came."""

    def lost(self, index: int, *, own: bool) -> None:
        """No whole answer will come; `own`: for want of the generator's resources."""


class Connection(asyncio.Protocol):
    """One connection, as callbacks of the event loop and of the parser."""

    __slots__ = (
        "_body", "_closing", "_index", "_parser", "_pod", "_pool", "_size", "_transport",
        "expires", "idle_since",
    )  # fmt: skip

    def __init__(self, pool: Pool, expires: float) -> None:
        self._pool = pool
        self.expires = expires
        self.idle_since = 0.0
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._index = -1
        self._body: list[bytes] = []
        self._size = 0
        self._pod = ""
        self._closing = False

    def send(self, index: int, request: bytes) -> None:
        """Write a request; the pool hears of its end."""
        self._index, self._body, self._size, self._pod = index, [], 0, ""
        if self._transport is None or self._transport.is_closing():
            self._finish_lost()
        else:
            self._transport.write(request)

    def abort(self) -> None:
        """Close at once; a request under way is forgotten, not reported."""
        self._index, self._closing = -1, True
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Close an idle connection."""
        self._closing = True
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio: the connection is open."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but descent

    def data_received(self, data: bytes) -> None:
        """Asyncio: bytes came."""
        if self._index < 0:  # an answer that nobody asked for, e.g. 408 before a close
            self.abort()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._finish_lost()
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        """Asyncio: the connection is closed, by either side."""
        self._closing = True
        self._pool.gone(self)
        self._finish_lost()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Parser: note which pod answers."""
        if self._pool.pod_header and name.lower() == self._pool.pod_header:
            self._pod = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        """Parser: keep a part of the answer."""
        self._size += len(body)
        if self._size <= LARGEST_ANSWER_BYTES:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """Parser: hand the answer over and become free for the next request."""
        status = self._parser.get_status_code()
        if status < 200:  # noqa: PLR2004  # 1xx announces the answer
            self._body, self._size = [], 0
            return
        index, self._index = self._index, -1
        reusable = self._parser.should_keep_alive() and not self._closing
        body = b"".join(self._body) if self._size <= LARGEST_ANSWER_BYTES else b""
        self._pool.finished(self, index, reusable=reusable)
        self._pool.listener.answered(index, status, body, self._pod)

    def _finish_lost(self) -> None:
        index, self._index = self._index, -1
        if index >= 0:
            self._pool.lost(index)


class Pool:
    """Connections to one endpoint, used in turn so that every replica gets its share.

    Args:
        endpoint: Where to.
        listener: Hears of answers and losses.
        lifetime_seconds: Longest age of a connection that is used; 0: one request each.
        connections: New ones are opened up to this number before an idle one is used.
        pod_header: Answer header that names the pod; empty if none.
        server_name: Name that a certificate must have; empty takes the endpoint's host.
        ca_file: Certificates that one is checked against; empty takes the system's.
        seed: Of the ages.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        listener: Listener,
        *,
        lifetime_seconds: float,
        connections: int,
        pod_header: str,
        server_name: str,
        ca_file: str,
        seed: int,
        clock: Callable[[], float],
    ) -> None:
        self.listener = listener
        self.pod_header = pod_header.lower().encode()
        self.opened = 0
        self._endpoint = endpoint
        self._server_name = server_name or endpoint.host
        self._lifetime = lifetime_seconds
        self._connections = connections
        self._random = random.Random(seed)  # noqa: S311  # ages, not secrets
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._tls = ssl.create_default_context(cafile=ca_file or None) if endpoint.tls else None
        self._idle: deque[Connection] = deque()  # longest idle first
        self._open: set[Connection] = set()
        self._opening: dict[int, asyncio.Task[None]] = {}
        self._sending: dict[int, Connection] = {}

    def send(self, index: int, request: bytes) -> None:
        """Send a request on the longest idle connection, or on a new one."""
        now = self._clock()
        if len(self._open) + len(self._opening) >= self._connections:
            while self._idle:
                connection = self._idle.popleft()
                if self._fresh(connection, now):
                    self._sending[index] = connection
                    connection.send(index, request)
                    return
                connection.close()
        task = self._loop.create_task(self._send_on_new(index, request))
        self._opening[index] = task
        task.add_done_callback(lambda _task: self._opening.pop(index, None))

    def forget(self, index: int) -> None:
        """Give a request up: its connection is closed, nothing is reported."""
        task = self._opening.pop(index, None)
        if task is not None:
            task.cancel()
        connection = self._sending.pop(index, None)
        if connection is not None:
            connection.abort()

    def sweep(self) -> None:
        """Close idle connections that are too old to be used."""
        now = self._clock()
        keep = [connection for connection in self._idle if self._fresh(connection, now)]
        if len(keep) < len(self._idle):
            for connection in self._idle:
                if not self._fresh(connection, now):
                    connection.close()
            self._idle = deque(keep)

    async def close(self) -> None:
        """Close everything."""
        for task in list(self._opening.values()):
            task.cancel()
        for connection in list(self._open):
            connection.abort()
        await asyncio.gather(*self._opening.values(), return_exceptions=True)
        await asyncio.sleep(0)  # lets the aborted transports say goodbye

    def finished(self, connection: Connection, index: int, *, reusable: bool) -> None:
        """Take back a connection whose answer has come."""
        self._sending.pop(index, None)
        if reusable:
            connection.idle_since = self._clock()
            self._idle.append(connection)
        else:
            connection.close()

    def lost(self, index: int) -> None:
        """Report a request whose connection broke."""
        self._sending.pop(index, None)
        self.listener.lost(index, own=False)

    def gone(self, connection: Connection) -> None:
        """Strike a closed connection out."""
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def _fresh(self, connection: Connection, now: float) -> bool:
        return now < connection.expires and now - connection.idle_since < _IDLE_SECONDS

    async def _send_on_new(self, index: int, request: bytes) -> None:
        age = self._lifetime * self._random.uniform(0.6, 1.0)
        connection = Connection(self, self._clock() + age)
        try:
            await self._loop.create_connection(
                lambda: connection,
                self._endpoint.address,
                self._endpoint.port,
                ssl=self._tls,
                server_hostname=self._server_name if self._tls else None,
            )
        except OSError as error:
            self.listener.lost(index, own=error.errno in OWN_ERRORS)
            return
        self.opened += 1
        self._open.add(connection)
        self._sending[index] = connection
        connection.send(index, request)
