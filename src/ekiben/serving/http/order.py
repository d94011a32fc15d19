"""Answers leave in the order of the requests, whoever gives them: the lane, or the ASGI application.

Source: https://www.rfc-editor.org/rfc/rfc9112#section-9.3.2 (pipelining)
"""

from __future__ import annotations

import random
import time
from collections import deque
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ekiben.serving.answer import Answer
from ekiben.serving.counters import OTHER
from ekiben.serving.http.desk import Desk
from ekiben.serving.http.turn import Passed, Turn
from ekiben.serving.http.wire import CONTINUE
from ekiben.serving.instruments import UNMATCHED
from ekiben.serving.problem import RefusedError

KEY = "ekiben.connection"
_JITTER_RATIO = 0.1  # so that connections opened together do not end together
MOST_TURNS = 16  # requests of one connection that wait for answers; then reading pauses
clock = time.monotonic


class Ordered(HttpToolsProtocol):
    """uvicorn's protocol, with one queue for requests of both kinds.

    Args:
        desk: What all connections share; the other arguments are uvicorn's.
    """

    def __init__(self, *args: Any, desk: Desk, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.desk = desk
        self._turns: deque[Turn | Passed] = deque()
        self._reading: Turn | Passed | None = None  # the request whose body is being read
        self._captured: tuple[Any, Any] | None = None
        self._closing = False  # the last answer was written
        self._deaf = False  # nothing that still comes is parsed
        self._half_closed = False
        self._requests = 0
        self._since = self._opened = clock()  # `_since`: when the present state began
        spread = random.uniform(1 - _JITTER_RATIO, 1 + _JITTER_RATIO)  # noqa: S311 - spread, not secrecy
        self._age_seconds = desk.bounds.age_seconds * spread

    def going(self, now: float | None = None) -> bool:
        """Whether the connection should end: the pod is going, or the connection is old.

        Args:
            now: Monotonic seconds, where they are at hand.
        """
        desk = self.desk
        return (
            desk.life.draining
            or self._requests >= desk.bounds.age_requests
            or (clock() if now is None else now) - self._opened >= self._age_seconds
        )

    def _refuse(self, turn: Turn, error: RefusedError) -> None:
        self.desk.instruments.refused(error.reason, error.rows)
        self.answered(turn, turn.refuse(error))

    def _reject(self, error: RefusedError) -> None:
        """Refuse what is no request, after the answers that are due, and end."""
        self._deaf = True
        turn, self._reading = self._reading, None
        if isinstance(turn, Passed) or self.transport.is_closing():
            self.transport.close()
            return
        if turn is None or turn.answer is not None:
            desk = self.desk
            visit = desk.gate.arrive(UNMATCHED, OTHER)
            turn = Turn(self, visit, desk.request_id(None), desk.routes.refuse(""), {})
            self._turns.append(turn)
        turn.last = True
        self._refuse(turn, error)

    def answered(self, turn: Turn, answer: Answer) -> None:
        """Keep an answer until its turn has come."""
        turn.answer = answer
        turns = self._turns
        if not turns or turns[0] is not turn:
            return
        if len(turns) == 1 and not (self._closing or self.flow.read_paused):
            turns.popleft()  # as most are; the same as below, with less ado
            self._write(turn, answer)
        else:
            self._advance()

    def _advance(self) -> None:
        """Send what may be sent, and let the next request go on."""
        turns = self._turns
        while turns and not self._closing:
            turn = turns[0]
            if isinstance(turn, Passed):
                if not turn.started:
                    turn.started = True
                    super()._start_asgi_task(*turn.start)
                return
            if turn.answer is None:
                if turn.wants_continue:
                    turn.wants_continue = False
                    self.transport.write(CONTINUE)
                return
            turns.popleft()
            self._write(turn, turn.answer)
        if self.flow.read_paused:
            self._throttle()

    def _write(self, turn: Turn, answer: Answer) -> None:
        now, state, request_id = clock(), self.server_state, turn.request_id
        last = turn.last or (not self._turns and self.going(now))
        state.total_requests += 1
        self.transport.write(
            self.desk.writer.message(
                answer, request_id.encode(), state.default_headers, closing=last, head_only=turn.head_only
            )
        )
        turn.visit.end(answer.status, request_id, turn.size, len(answer.body), turn)
        self._since = now
        if last:
            self._end()
        elif self._half_closed and not self._turns:
            self.transport.close()

    def _end(self) -> None:
        """Close behind the last answer; while its request still comes in, read that to its end first.

        Closing with unread bytes would reset the connection, and the answer might be lost with it. The
        client sees the end all the same (TLS has no half).

        Source: https://www.rfc-editor.org/rfc/rfc9112#section-9.6
        """
        self._closing = True
        self._drop_turns()
        if self._reading is None:
            self.transport.close()
        elif self.transport.can_write_eof():
            self.transport.write_eof()

    def _drop_turns(self) -> None:
        for turn in self._turns:
            if isinstance(turn, Turn):
                turn.gone()
        self._turns.clear()

    def _throttle(self) -> None:
        """Read on only while answers are being read, and not too many are due."""
        if self.transport.is_closing():
            return
        if len(self._turns) >= MOST_TURNS or self.flow.write_paused:
            self.flow.pause_reading()
        else:
            self.flow.resume_reading()

    # ---- requests of the ASGI application

    def _pass_on(self) -> None:
        """Give a request whose head was read to uvicorn, to be started when its turn has come."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        headers, self.headers = self.headers, headers
        self.scope["headers"] = self.headers
        self.scope["state"][KEY] = self
        self._captured = None
        super().on_headers_complete()
        # uvicorn either starts the request (see `_start_asgi_task`) or queues it behind another of its own.
        start = self._captured or self.pipeline.popleft()
        self._reading = turn = Passed(start)
        self._turns.append(turn)
        if self._turns[0] is turn:
            self._advance()

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        """Only remember: `_advance` starts it."""
        self._captured = (cycle, app)

    def on_response_complete(self) -> None:
        """Go on after an answer of the ASGI application."""
        self.server_state.total_requests += 1
        self._since = clock()
        if self._turns and isinstance(self._turns[0], Passed):
            self._turns.popleft()
        if self._half_closed and not self._turns:
            self.transport.close()
        if self.transport.is_closing():
            self._drop_turns()
            return
        self.flow.resume_reading()
        self._advance()
