"""Connections have an age: callers that keep one for ever would pin their load to old pods.

A subclass of uvicorn's protocol, plugged into its public `http=` option; it
tells the application which connection a request came on.

Source: https://github.com/pytorch/serve/issues/2999
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_JITTER_RATIO = 0.1  # so that connections opened together do not end together
KEY = "ekiben.connection"


@dataclass(slots=True)
class Connection:
    """One connection of a caller.

    Attributes:
        opened: Monotonic seconds.
        jitter: Factor on its longest age.
        requests: Requests received on it.
    """

    opened: float
    jitter: float
    requests: int = 0

    def is_old(self, now: float, *, requests: int, seconds: float) -> bool:
        """Whether the answer to the current request should be its last."""
        return self.requests >= requests or now - self.opened >= seconds * self.jitter


class Protocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 with one `Connection` in the state of each request."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Open the connection."""
        super().connection_made(transport)
        jitter = random.uniform(1 - _JITTER_RATIO, 1 + _JITTER_RATIO)  # noqa: S311 - spread, not secrecy
        self._connection = Connection(time.monotonic(), jitter)

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._connection.requests += 1
        self.scope["state"][KEY] = self._connection
