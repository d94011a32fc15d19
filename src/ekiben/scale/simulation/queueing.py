"""One replica's queue: first come, first served, some workers; clients that give up waiting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from heapq import heapify, heappop, heappush, heapreplace


class Queue:
    """Takes arrivals in the order of time and says when each ends.

    Attributes:
        free: When each worker is free, a heap, seconds.
        arrivals: Requests received.
        completed: Requests done by the time of the last `until`.
        work: Service time of all that were begun, seconds.
    """

    __slots__ = ("_pending", "arrivals", "completed", "free", "work")

    def __init__(self, workers: int, now: float = 0.0) -> None:
        self.free = [now] * workers
        self.arrivals = 0
        self.completed = 0
        self.work = 0.0
        self._pending: list[float] = []

    def take(self, times: Sequence[float], services: Sequence[float], patience: float) -> list[float]:
        """Add arrivals.

        Args:
            times: Ascending, none before those of calls before; seconds.
            services: How long each takes, seconds.
            patience: Longest wait in the queue; who waits longer is never worked on.

        Returns:
            When each ends; infinity where the client gave up.
        """
        free, ends = self.free, []
        for time, service in zip(times, services, strict=True):
            begin = free[0]
            if begin < time:
                begin = time
            elif begin - time > patience:
                ends.append(math.inf)
                continue
            end = begin + service
            heapreplace(free, end)
            ends.append(end)
            self.work += service
        self.arrivals += len(ends)
        self._pending += ends
        return ends

    def take_one(self, time: float, service: float, patience: float) -> float:
        """Add one arrival; `in_progress` must have been asked for the same time before."""
        self.arrivals += 1
        begin = max(time, self.free[0])
        if begin - time > patience:
            return math.inf
        end = begin + service
        heapreplace(self.free, end)
        heappush(self._pending, end)
        self.work += service
        return end

    def in_progress(self, time: float) -> int:
        """Requests waiting or worked on; for queues that are fed by `take_one` alone."""
        pending = self._pending
        while pending and pending[0] <= time:
            heappop(pending)
            self.completed += 1
        return len(pending)

    def until(self, time: float) -> int:
        """Count what is done by then; gives the requests still in progress."""
        left = [end for end in self._pending if end > time and end != math.inf]
        gave_up = self._pending.count(math.inf)
        self.completed += len(self._pending) - len(left) - gave_up
        heapify(left)
        self._pending = left
        return len(left)

    def busy_seconds(self, time: float) -> float:
        """Worker-seconds spent so far: a worker that is free later than now is busy until then."""
        return self.work - sum(free - time for free in self.free if free > time)

    @property
    def last_end(self) -> float:
        """When everything that was begun is done, seconds."""
        return max(self.free)
