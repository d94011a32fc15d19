"""One request on a connection, and its answer: answers leave in the order of the requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ekiben.serving.answer import Answer
from ekiben.serving.exchange import Dialect, Headers
from ekiben.serving.gate import Visit
from ekiben.serving.metrics import CLIENT_GONE
from ekiben.serving.problem import RefusedError
from ekiben.serving.ticket import Ticket

Refuse = Callable[[RefusedError, str], Answer]


class Turn:
    """A request that the lane answers.

    Attributes:
        visit: Its place in the counters.
        request_id: Its id.
        refuse: How its protocol writes refusals.
        dialect: For predictions.
        reply: For what is answered from memory.
        headers: The request's.
        head_only: Whether it was HEAD.
        last: Whether the connection ends with its answer.
        wants_continue: Whether the client waits for leave to send its body.
        chunks: Of the body.
        size: Of the body so far, bytes.
        refusal: Why it is refused, once its body has been read; None if it is not.
        ticket: Its question to the lane, if it has one.
        answer: Once there is one.
    """

    __slots__ = (
        "answer", "chunks", "dialect", "head_only", "headers", "last", "refusal", "refuse", "reply",
        "request_id", "size", "ticket", "visit", "wants_continue",
    )  # fmt: skip

    def __init__(self, visit: Visit, request_id: str, refuse: Refuse, headers: Headers) -> None:
        self.visit = visit
        self.request_id = request_id
        self.refuse = refuse
        self.headers = headers
        self.dialect: Dialect | None = None
        self.reply: Callable[[str], Answer] | None = None
        self.head_only = self.last = self.wants_continue = False
        self.chunks: list[bytes] = []
        self.size = 0
        self.refusal: RefusedError | None = None
        self.ticket: Ticket | None = None
        self.answer: Answer | None = None

    def body(self) -> bytes:
        """Whole body."""
        chunks = self.chunks
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def gone(self) -> None:
        """The client closed its connection: drop the work, and count it as cancelled."""
        if self.ticket is not None:
            self.ticket.cancel()
        self.visit.end(CLIENT_GONE, self.request_id, self.size, ticket=self.ticket)


class Passed:
    """A request that goes on to the ASGI application, when its turn has come.

    Attributes:
        start: uvicorn's cycle and the application.
        started: Whether it runs.
    """

    __slots__ = ("start", "started")

    def __init__(self, start: tuple[Any, Any]) -> None:
        self.start = start
        self.started = False
