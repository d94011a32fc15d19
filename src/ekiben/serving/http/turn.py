"""One request on a connection, and its answer: answers leave in the order of the requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from ekiben.serving.answer import Answer
from ekiben.serving.exchange import Headers
from ekiben.serving.gate import Visit
from ekiben.serving.metrics import CLIENT_GONE
from ekiben.serving.problem import RefusedError
from ekiben.serving.ticket import NO_ROWS, Asked

_MOST_CHUNKS = 64  # of a body, kept one by one; a body of single bytes would take eight times its size
Refuse = Callable[[RefusedError, str], Answer]


class Connection(Protocol):
    """Where an answer goes."""

    def answered(self, turn: Turn, answer: Answer) -> None:
        """Send it when its turn has come."""
        ...


class Turn(Asked):
    """A request that the lane answers, and its own question to it.

    Attributes:
        visit: Its place in the counters.
        refusing: How its protocol writes refusals.
        predicts: Whether it is a prediction; then `dialect` is set.
        reply: For what is answered from memory.
        head_only: Whether it was HEAD.
        last: Whether the connection ends with its answer.
        wants_continue: Whether the client waits for leave to send its body.
        chunks: Of the body.
        size: Of the body so far, bytes.
        refusal: Why it is refused, once its body has been read; None if it is not.
        answer: Once there is one.
    """

    __slots__ = (
        "_connection", "answer", "chunks", "head_only", "last", "predicts", "refusal", "refusing", "reply",
        "size", "visit", "wants_continue",
    )  # fmt: skip
    reply: Callable[[str], Answer] | None
    refusal: RefusedError | None
    answer: Answer | None
    chunks: list[bytes | bytearray]

    def __init__(
        self, connection: Connection, visit: Visit, request_id: str, refusing: Refuse, headers: Headers
    ) -> None:
        self.rows = NO_ROWS
        self.cancelled = self.predicts = self.head_only = self.last = self.wants_continue = False
        self.queue_seconds = self.predict_seconds = self.reply = self.refusal = self.answer = None
        self.asked, self.deadline, self.out_of_range = 0.0, visit.deadline, 0
        self.headers = headers
        self.request_id = request_id
        self.visit = visit
        self.refusing = refusing
        self.chunks = []
        self.size = 0
        self._connection = connection

    def add(self, body: bytes) -> None:
        """Take the next part of the body; however small the parts are, they take about their own size."""
        chunks = self.chunks
        if len(chunks) < _MOST_CHUNKS:
            chunks.append(body)
            return
        last = chunks[-1]
        if not isinstance(last, bytearray):
            chunks[-1] = last = bytearray(last)
        last += body

    def body(self) -> bytes:
        """Whole body."""
        chunks = self.chunks
        return bytes(chunks[0]) if len(chunks) == 1 else b"".join(chunks)

    def refuse(self, error: RefusedError) -> Answer:
        """Encode a refusal, also of a request that is no prediction."""
        return self.refusing(error, self.request_id)

    def settle(self, result: Answer) -> None:
        """Take the lane's answer."""
        self._connection.answered(self, result)

    def gone(self) -> None:
        """The client closed its connection: drop the work, and count it as cancelled."""
        self.cancel()
        self.visit.end(CLIENT_GONE, self.request_id, self.size, ticket=self)


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
