"""Prediction, from the bytes of a body to an answer: what is there together is one batch.

Small requests wait for the end of the event loop's current turn, no longer;
all that came in it go to the predictor in one call (zero-wait micro-batching:
no timer). Where one after the other comes alone, they do not wait at all. What
would hold the loop up goes to the worker threads: one for each core of the
replica, all of which take from one queue.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from ekiben.serving.answer import Answer
from ekiben.serving.backlog import Backlog
from ekiben.serving.exchange import Dialect, Headers
from ekiben.serving.instruments import Instruments
from ekiben.serving.pace import Pace
from ekiben.serving.predictor import Predictor
from ekiben.serving.problem import RefusedError, busy, late
from ekiben.serving.ticket import Asked, Called, Done, Ticket, clock, refused, work
from ekiben.serving.unpack import is_packed, unpack
from ekiben.serving.workers import Workers

_INLINE_BYTES = 262_144  # decoding this much takes about a millisecond
_INLINE_SECONDS = 0.010  # a predictor's call that takes longer leaves the loop
# Where other cores wait for work, handing it over (about 0.1 ms) must be a tenth of it at most.
_INLINE_SECONDS_BESIDE = 0.001
_BATCH_ROWS = 4_096  # of one batch on a worker: memory stays bounded
_ALONE = 8  # requests that came alone, one after the other, until the next ones do not wait for company
_AT_ONCE = 32  # requests that do not wait; then one does again, to see whether company comes
_T = TypeVar("_T")


class Lane:
    """Answers predictions of one model; its methods belong to the event loop, but for `answer_now`.

    Args:
        predictor: The model's.
        inline_rows: A request with more rows has a worker for itself.
        most_bytes: Longest body, unpacked.
        instruments: Counters.
        workers: Threads for what leaves the loop; more than the replica's cores would only share them.
    """

    def __init__(
        self,
        predictor: Predictor,
        *,
        inline_rows: int,
        most_bytes: int,
        instruments: Instruments,
        workers: int = 1,
    ) -> None:
        self._predictor = predictor
        self._inline_rows = inline_rows
        self._most_bytes = most_bytes
        self._instruments = instruments
        self._pending: deque[Ticket] = deque()
        self._pace = Pace()
        self._backlog = Backlog(inline_rows, _INLINE_BYTES, workers)
        self._inline_seconds = _INLINE_SECONDS if workers == 1 else _INLINE_SECONDS_BESIDE
        self._scheduled = False
        self._batches, self._most_batches = 0, workers  # on workers; what came alone is none
        self._alone = 0  # requests that waited for company and got none, one after the other
        self._at_once_since = 0  # requests that did not wait, since the last that did
        self._loop: asyncio.AbstractEventLoop
        self._workers = Workers(workers, self._backlog, self._settle)

    def open(self) -> None:
        """Begin, on the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._workers.open()

    def close(self) -> None:
        """Let the worker threads end once they are idle."""
        self._workers.close()

    def backlog_seconds(self) -> float:
        """Estimate of the time until a new question gets to the predictor."""
        if self._batches < self._most_batches:
            return 0.0
        return self._backlog.seconds(sum(len(ticket.rows) for ticket in self._pending))

    def ask(
        self,
        dialect: Dialect,
        body: bytes,
        headers: Headers,
        request_id: str,
        deadline: float,
        done: Callable[[Answer], None],
    ) -> Ticket:
        """Answer a request.

        Args:
            dialect: Of its protocol.
            body: Whole; may be packed.
            headers: The request's.
            request_id: Its id.
            deadline: Monotonic seconds after which nobody waits.
            done: Called once on the loop, possibly before this returns; never after a cancel.

        Returns:
            What can be cancelled.
        """
        ticket = Called(dialect, headers, request_id, deadline, done)
        self.take(ticket, body)
        return ticket

    def take(self, ticket: Asked, body: bytes) -> None:
        """Answer a question; `ticket.settle` is called once, possibly before this returns.

        Args:
            ticket: The question.
            body: Whole; may be packed.
        """
        ticket.asked = clock()
        size = len(body)
        packed = b"content-encoding" in ticket.headers and is_packed(ticket.headers)
        if packed or size > self._backlog.aside_bytes:
            # Before it is decoded: what is refused must cost little, or refusing takes the time of answering.
            wait = self._backlog.too_long(ticket.deadline - ticket.asked)
            if wait:
                self._settle([refused(ticket, busy(wait))])
                return
            if packed or size > _INLINE_BYTES:
                rows = self._inline_rows if packed else self._backlog.rows_in(size)
                self._workers.submit(lambda: self._whole(ticket, body), (ticket,), rows)
                return
        problem = ticket.read(body)
        if problem is not None:
            self._settle([refused(ticket, problem)])
        elif len(ticket.rows) > self._inline_rows:
            self._backlog.decoded(size, len(ticket.rows))
            self._send_alone(ticket)
        elif not self._at_once(ticket):
            self._pending.append(ticket)
            if not self._scheduled:
                self._schedule()

    def aside(self, job: Callable[[Predictor], _T]) -> asyncio.Future[_T]:
        """Do something short of the pod's own on a worker, behind the requests that wait for one."""
        return self._workers.run(lambda: job(self._predictor))

    def answer_now(self, dialect: Dialect, body: bytes, headers: Headers, request_id: str) -> Answer:
        """Answer on the calling thread, alone: golden rows go this way before the pod is ready."""
        found: list[Answer] = []
        ticket = Called(dialect, headers, request_id, math.inf, found.append)
        for done in self._whole(ticket, body):
            ticket.settle(done.results[0])
            self._pace.note(done.rows, done.seconds)
        return found[0]

    def _whole(self, ticket: Asked, body: bytes) -> list[Done]:
        """Everything for one request, on any thread."""
        try:
            problem = ticket.read(unpack(body, ticket.headers, self._most_bytes))
        except RefusedError as error:
            problem = error.bare()
        return work(self._predictor, [ticket]) if problem is None else [refused(ticket, problem)]

    def _at_once(self, ticket: Ticket) -> bool:
        """Answer a question that is not likely to get company: waiting would cost a turn of the loop.

        Returns:
            Whether it was answered.
        """
        if self._alone < _ALONE or self._pending or self._batches or not self._pace.quick:
            return False
        self._at_once_since += 1
        if self._at_once_since > _AT_ONCE:
            self._at_once_since = 0
            return False
        return self._one(ticket)

    def _schedule(self) -> None:
        if self._pending and not self._scheduled and self._batches < self._most_batches:
            self._scheduled = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        """Send what is there to the predictor as one batch, or one for each idle worker if it is long."""
        self._scheduled = False
        if len(self._pending) == 1:
            self._alone += 1
            ticket = self._pending.popleft()
            if self._one(ticket):
                return
            self._pending.append(ticket)
        else:
            self._alone = 0
        tickets, rows = self._take()
        if tickets:
            if self._pace.seconds(rows) <= self._inline_seconds:
                self._settle(work(self._predictor, tickets))
            else:
                self._batches += 1
                self._workers.submit(lambda: work(self._predictor, tickets), tickets, rows, self._batch_done)
        self._schedule()

    def _one(self, ticket: Ticket) -> bool:
        """Answer a question alone: as a batch of one, with less ado; else the usual way finds out why."""
        rows, started = len(ticket.rows), clock()
        if ticket.cancelled or ticket.deadline < started or self._pace.seconds(rows) > self._inline_seconds:
            return False
        try:
            answers = self._predictor.predict(ticket.rows)
            seconds = clock() - started
            result = ticket.compose(answers)
        except Exception:  # noqa: BLE001 - the usual way meets it again, logs it and answers it
            return False
        self._pace.note(rows, seconds)
        instruments = self._instruments
        # What is short is not interrupted: its time is its CPU time, without asking the kernel twice.
        instruments.batch(1, rows, seconds, seconds)
        instruments.predicted(rows)
        if ticket.out_of_range:
            instruments.out_of_range(ticket.out_of_range)
        ticket.queue_seconds, ticket.predict_seconds = started - ticket.asked, seconds
        instruments.queued(ticket.queue_seconds)
        ticket.settle(result)
        return True

    def _batch_done(self) -> None:
        self._batches -= 1
        self._schedule()

    def _take(self) -> tuple[Sequence[Ticket], int]:
        """Give the next batch; whoever went away or waited too long is not in it."""
        pending, taken, rows = self._pending, [], 0
        now, most = clock(), self._share()
        while pending and rows < most:
            ticket = pending.popleft()
            if ticket.cancelled:
                continue
            if ticket.deadline < now:
                self._settle([refused(ticket, late())])
                continue
            taken.append(ticket)
            rows += len(ticket.rows)
        return taken, rows

    def _share(self) -> int:
        """Rows at which the next batch is full: all that wait, or their part if idle workers share them."""
        idle = self._most_batches - self._batches
        if idle == 1:
            return _BATCH_ROWS
        rows = sum(len(ticket.rows) for ticket in self._pending)
        part = math.ceil(rows / self._pace.parts(rows, idle))
        # What an idle worker would not be asked for is not worth sharing either.
        return _BATCH_ROWS if self._pace.seconds(part) <= self._inline_seconds else min(_BATCH_ROWS, part)

    def _send_alone(self, ticket: Ticket) -> None:
        """Run a large request on a worker, unless it is plain now that its turn would come too late."""
        wait = self._backlog.too_long(ticket.deadline - clock())
        if wait:
            self._settle([refused(ticket, busy(wait))])
        else:
            self._workers.submit(lambda: work(self._predictor, [ticket]), (ticket,), len(ticket.rows))

    def _settle(self, result: Iterable[Done]) -> None:
        """Hand out what became of tickets, and count it."""
        instruments, queued = self._instruments, self._instruments.queued
        for done in result:
            if done.rows:
                self._pace.note(done.rows, done.seconds)
                instruments.batch(len(done.tickets), done.rows, done.seconds, done.cpu_seconds)
            rows, outside, errors, started = 0, 0, done.errors, done.started
            for place, ticket in enumerate(done.tickets):
                if errors and place in errors:
                    instruments.refused(errors[place].reason, errors[place].rows)
                elif not ticket.cancelled:
                    rows += len(ticket.rows)
                    outside += ticket.out_of_range
                if done.rows:
                    ticket.queue_seconds, ticket.predict_seconds = started - ticket.asked, done.seconds
                    queued(ticket.queue_seconds)
                if not ticket.cancelled:
                    ticket.settle(done.results[place])
            if rows:
                instruments.predicted(rows)
                instruments.out_of_range(outside)
