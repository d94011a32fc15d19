"""The way of a request to the BentoML service and back: bounded on the way in, noted on the way out."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ekiben.serving.http.fields import too_large

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]
CLOSE = (b"connection", b"close")
_LOG = logging.getLogger(__name__)


class GoneError(Exception):
    """The client closed its connection before its request was complete."""


async def through(
    service: Application,
    scope: Mapping[str, Any],
    receive: Receive,
    send: Send,
    *,
    closing: Callable[[], bool],
    most_bytes: int,
) -> int:
    """Let a service answer a request.

    Args:
        service: Its ASGI application.
        scope: ASGI's.
        receive: ASGI's.
        send: ASGI's.
        closing: Whether the answer ends its connection, asked when it begins.
        most_bytes: Longest body that it gets to see.

    Returns:
        The status it sent.

    Raises:
        RefusedError: 413; the body was longer and nothing was sent yet.
        GoneError: The client went away before an answer began.
    """
    passage = _Passage(receive, send, closing=closing, most_bytes=most_bytes)
    try:
        await service(scope, passage.receive, passage.send)
    except Exception:
        if passage.status is not None:  # too late for another answer; uvicorn ends the connection
            _LOG.exception("the BentoML service failed in the middle of an answer of %s", scope["path"])
        elif not passage.refused and not passage.gone:
            raise
    if passage.status is None:
        if passage.refused:
            raise too_large(most_bytes)
        if passage.gone:
            raise GoneError
    return passage.status or 500


class _Passage:
    def __init__(self, receive: Receive, send: Send, *, closing: Callable[[], bool], most_bytes: int) -> None:
        self._receive, self._send = receive, send
        self._closing = closing
        self._left = most_bytes
        self.status: int | None = None
        self.refused = self.gone = False

    async def receive(self) -> Any:
        """Count the body; one that is too long looks to the service like a client that went away."""
        if self.refused:
            return {"type": "http.disconnect"}
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        self.gone = message["type"] == "http.disconnect"
        self.refused = self._left < 0
        return {"type": "http.disconnect"} if self.refused else message

    async def send(self, message: Any) -> None:
        """Note the status; after a refusal the service has nothing to say."""
        if self.refused and self.status is None:
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if self._closing():
                message = {**message, "headers": [*message.get("headers", ()), CLOSE]}
        await self._send(message)
