"""A real HTTP server on loopback that can be told to misbehave."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn

ANSWER = {"predictions": ["setosa"], "probabilities": [[0.9, 0.1]], "id": "x"}


class Service:
    """What the server does, and what it saw.

    Attributes:
        status: HTTP status of answers.
        answer: Body of answers.
        delay_seconds: Wait before an answer.
        stall: (from, to): answers due in that time since the first request wait until its end.
        bodies: Requests received.
        connections: Source port of each request.
        headers: Headers of each request.
        on_request: Called with each request.
        most_at_once: Most requests that were inside at one time.
    """

    def __init__(self) -> None:
        self.status = 200
        self.answer: dict[str, Any] = dict(ANSWER)
        self.delay_seconds = 0.0
        self.stall = (0.0, 0.0)
        self.bodies: list[bytes] = []
        self.connections: list[int] = []
        self.headers: list[dict[str, str]] = []
        self.most_at_once = 0
        self.on_request: Callable[[], object] = lambda: None
        self.url = ""
        self._inside = 0
        self._began = 0.0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        self._began = self._began or time.monotonic()
        self.bodies.append(body)
        self.connections.append(scope["client"][1])
        self.headers.append({name.decode(): value.decode() for name, value in scope["headers"]})
        self.on_request()
        self._inside += 1
        self.most_at_once = max(self.most_at_once, self._inside)
        await asyncio.sleep(self._wait())
        self._inside -= 1
        content = json.dumps(self.answer).encode()
        headers = [(b"content-length", str(len(content)).encode()), (b"x-pod", b"iris-1")]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def begin_again(self) -> None:
        """Forget what it saw, and when its first request came."""
        self.most_at_once, self._began = 0, 0.0
        self.bodies.clear()
        self.connections.clear()
        self.headers.clear()

    def _wait(self) -> float:
        since = time.monotonic() - self._began
        begin, end = self.stall
        return end - since if begin <= since < end else self.delay_seconds


@pytest.fixture
def service() -> Iterator[Service]:
    """The server, up."""
    found = Service()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        found.url = f"http://127.0.0.1:{listener.getsockname()[1]}/predict"
        server = uvicorn.Server(
            uvicorn.Config(found, lifespan="off", ws="none", log_level="critical", access_log=False)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.005)
        try:
            yield found
        finally:
            server.should_exit = True
            server.force_exit = True
            thread.join()


@pytest.fixture
def free_port() -> int:
    """A port of loopback where nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port
