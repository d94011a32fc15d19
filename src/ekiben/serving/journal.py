"""What is told of single requests: lines of the access log and spans, made after the answer.

The event loop decides whether a request is told of, which costs a random number,
and puts those few on a bounded queue; one daemon thread does the rest.
"""

from __future__ import annotations

import os
import queue
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from ekiben.serving import access_log
from ekiben.serving.ended import Ended
from ekiben.serving.metrics import DropReason
from ekiben.serving.tracing import Trace

LOG, SPAN = 1, 2  # to be told in the access log, as a span
_CLIENT_ERROR, _SERVER_ERROR = 400, 500
_MOST_WAITING = 4_096
_ERROR_LINES_PER_SECOND = 10  # of 4xx and of 5xx each: a broken client cannot hide a broken server
_PAUSE_SECONDS = 0.05  # lines gather for so long: one write for many
_PIPE_BUF = 4_096  # bytes; what is written at once is not mixed with another's (pipe(7))


class Spans(Protocol):
    """Where spans go."""

    def wants(self, trace: Trace | None) -> bool:
        """Whether a request gets a span; on the event loop."""
        ...

    def make(self, ended: Ended) -> None:
        """Make its spans; on the journal's thread."""
        ...

    def close(self) -> None:
        """Send what waits, for a few seconds at most."""
        ...


class Journal:
    """Access log and spans of one pod.

    Args:
        ratio: Share of successful requests in the log, 0-1.
        dropped: Called for each line that is not written.
        spans: None makes none.
        output: File descriptor of the log; standard output: standard error has the application's.
        clock: Monotonic seconds.
        per_second: Most lines per second about successful requests, whatever their share.
    """

    def __init__(
        self,
        ratio: float,
        dropped: Callable[[DropReason], None],
        spans: Spans | None = None,
        *,
        output: int = 1,
        clock: Callable[[], float] = time.monotonic,
        per_second: int = 100,
    ) -> None:
        self._ratio = ratio
        self._dropped = dropped
        self._spans = spans
        self._output = output
        self._random = random.Random().random  # noqa: S311 - a sample, no secret
        self._sampled = _Budget(clock, per_second)
        self._refused, self._failed = (_Budget(clock, _ERROR_LINES_PER_SECOND) for _ in range(2))
        self._queue: queue.SimpleQueue[tuple[Ended, int] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def wants(self, status: int, trace: Trace | None = None) -> int:
        """Decide whether a request is told of; ask once, when it ends.

        Args:
            status: HTTP status.
            trace: Of its `traceparent`.

        Returns:
            0 for no, else what to give to `tell`.
        """
        if status >= _CLIENT_ERROR:
            wanted = self._within(self._refused if status < _SERVER_ERROR else self._failed)
        else:  # the budget is asked for the sample only
            wanted = self._within(self._sampled) if self._random() < self._ratio else 0
        if self._spans is not None and self._spans.wants(trace):
            wanted |= SPAN
        return wanted

    def tell(self, ended: Ended, wanted: int) -> None:
        """Have a request told of; never waits."""
        if self._queue.qsize() < _MOST_WAITING:
            self._queue.put((ended, wanted))
        elif wanted & LOG:
            self._dropped("queue")

    def close(self, seconds: float = 2.0) -> None:
        """Write what waits.

        Args:
            seconds: Longest wait; whoever reads our output may have stopped.
        """
        self._queue.put(None)
        self._thread.join(seconds)

    def _within(self, budget: _Budget) -> int:
        if budget.spend():
            return LOG
        self._dropped("rate")
        return 0

    def _run(self) -> None:
        going = True
        while going:
            waiting = [self._queue.get()]
            time.sleep(_PAUSE_SECONDS)
            while not self._queue.empty():
                waiting.append(self._queue.get())
            found = [each for each in waiting if each is not None]
            going = len(found) == len(waiting)
            self._write([access_log.line(ended) for ended, wanted in found if wanted & LOG])
            if self._spans is not None:
                for ended, wanted in found:
                    if wanted & SPAN:
                        self._spans.make(ended)
        if self._spans is not None:
            self._spans.close()

    def _write(self, lines: Sequence[bytes]) -> None:
        for some in _portions(lines):
            rest = memoryview(b"".join(some))
            try:
                while rest:
                    rest = rest[os.write(self._output, rest) :]
            except OSError:  # nobody reads any more; requests are answered all the same
                for _ in some:
                    self._dropped("output")


class _Budget:
    """So many per second."""

    def __init__(self, clock: Callable[[], float], per_second: int) -> None:
        self._clock, self._per_second = clock, per_second
        self._since, self._left = clock(), per_second

    def spend(self) -> bool:
        now = self._clock()
        if now - self._since >= 1:
            self._since, self._left = now, self._per_second
        self._left -= 1
        return self._left >= 0


def _portions(lines: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Lines together up to what a pipe takes whole."""
    found: list[bytes] = []
    size = 0
    for line in lines:
        if found and size + len(line) > _PIPE_BUF:
            yield found
            found, size = [], 0
        found.append(line)
        size += len(line)
    if found:
        yield found
