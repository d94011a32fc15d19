"""Threads for what would hold the event loop up: they take jobs from one queue, whose length is known."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ekiben.serving.backlog import Backlog
from ekiben.serving.problem import late
from ekiben.serving.ticket import Done, Ticket, clock, refused

_T = TypeVar("_T")


class Workers:
    """The threads; all methods belong to the event loop.

    Args:
        count: How many; more than the replica's cores would only share them.
        backlog: Of their jobs.
        settle: Told on the loop what became of a job's questions.
    """

    def __init__(self, count: int, backlog: Backlog, settle: Callable[[Sequence[Done]], None]) -> None:
        self._backlog = backlog
        self._settle = settle
        self._loop: asyncio.AbstractEventLoop
        self._threads = ThreadPoolExecutor(count, "large-requests")

    def open(self) -> None:
        """Begin, on the running event loop."""
        self._loop = asyncio.get_running_loop()

    def close(self) -> None:
        """Let the threads end once they are idle."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def run(self, job: Callable[[], _T]) -> asyncio.Future[_T]:
        """Run what is nobody's question, behind those that wait."""
        return self._loop.run_in_executor(self._threads, job)

    def submit(
        self,
        job: Callable[[], list[Done]],
        tickets: Sequence[Ticket],
        rows: int,
        then: Callable[[], None] | None = None,
    ) -> None:
        """Run a job on a thread, unless everybody who waits for it is gone when its turn comes.

        Args:
            job: Answers the questions, on any thread.
            tickets: The questions.
            rows: In all of them, or an estimate.
            then: Called on the loop once they are settled.
        """
        self._backlog.add(rows)
        loop = self._loop

        def run() -> None:
            began = clock()
            if all(each.cancelled for each in tickets):
                result = []
            elif all(each.deadline < began for each in tickets):
                result = [refused(each, late()) for each in tickets]
            else:
                result = job()
            seconds = clock() - began
            # The loop is closed when the pod left without waiting for a job that nobody waited for.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._came_back, result, rows, seconds, then)

        self._threads.submit(run)

    def _came_back(
        self, result: Sequence[Done], rows: int, seconds: float, then: Callable[[], None] | None
    ) -> None:
        self._backlog.done(rows, sum(done.rows for done in result), seconds)
        self._settle(result)
        if then is not None:
            then()
