"""One replica's queue: first come, first served, some workers; clients that give up waiting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from heapq import heapify, heappop, heappush, heapreplace

import numpy as np
from numpy.typing import NDArray

from ekiben.scale.simulation.traffic import Floats


class Queue:
    """Takes arrivals in the order of time and says when each ends.

    Attributes:
        free: When each worker is free, a heap, seconds.
        arrivals: Requests received.
        completed: Requests done by the time of the last `until`.
        work: Service time of all that were begun, seconds.
    """

    __slots__ = ("_blocks", "_pending", "arrivals", "completed", "free", "work")

    def __init__(self, workers: int, now: float = 0.0) -> None:
        self.free = [now] * workers
        self.arrivals = 0
        self.completed = 0
        self.work = 0.0
        self._pending: list[float] = []
        self._blocks: list[Floats] = []  # ends as of `take_block`, ascending

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

    def take_block(self, ends: Floats, work: float) -> None:
        """Add arrivals whose ends are known: the queue's one worker took them in turn, and nobody gave up.

        Args:
            ends: When each ends, ascending, at least one; seconds.
            work: How long they take together, seconds.
        """
        self.free[0] = float(ends[-1])
        self.arrivals += len(ends)
        self.work += work
        self._blocks.append(ends)

    def in_progress(self, time: float) -> int:
        """Requests waiting or worked on; for queues that are fed by `take_one` alone."""
        pending = self._pending
        while pending and pending[0] <= time:
            heappop(pending)
            self.completed += 1
        return len(pending)

    def until(self, time: float) -> int:
        """Count what is done by then; gives the requests still in progress."""
        if not self._pending:
            return self._left_of_blocks(time)
        left = [end for end in self._pending if end > time and end != math.inf]
        gave_up = self._pending.count(math.inf)
        self.completed += len(self._pending) - len(left) - gave_up
        heapify(left)
        self._pending = left
        return len(left) + self._left_of_blocks(time)

    def _left_of_blocks(self, time: float) -> int:
        left, waiting = [], 0
        for block in self._blocks:
            count = len(block)
            done = count if block[-1] <= time else int(block.searchsorted(time, side="right"))
            self.completed += done
            if done < count:
                left.append(block[done:])
                waiting += count - done
        self._blocks = left
        return waiting

    def busy_seconds(self, time: float) -> float:
        """Worker-seconds spent so far: a worker that is free later than now is busy until then."""
        return self.work - sum(free - time for free in self.free if free > time)

    @property
    def last_end(self) -> float:
        """When everything that was begun is done, seconds."""
        return max(self.free)


def take_in_turn(
    queues: Sequence[Queue], bounds: NDArray[np.int64], times: Floats, services: Floats, patience: float
) -> Floats | None:
    """Let several queues of one worker each take their arrivals, in one stroke.

    A worker that is free at f ends its k-th request at S_k + max(f, t_1, t_2 - S_1, ..., t_k - S_(k-1)), with
    S the sums of service times: a running maximum. Those of all queues are one running maximum once each of
    them is lifted above the one before.

    Args:
        queues: Of one worker each.
        bounds: Where the arrivals of each queue begin, and where the last ones end.
        times: Ascending within each queue, none before those of calls before; seconds.
        services: How long each takes, seconds.
        patience: Longest wait in the queue.

    Returns:
        When each ends; None, and nothing is taken, if a client would give up.

    Source: Lindley, The theory of queues with a single server, 1952
    """
    counts = np.diff(bounds)
    busy = np.flatnonzero(counts)
    firsts, sums = bounds[busy], np.cumsum(services)
    before = sums - services
    own = np.repeat(before[firsts], counts[busy])  # so that each queue's sums begin at 0
    begins = times - (before - own)
    free = np.array([queues[number].free[0] for number in busy.tolist()])
    begins[firsts] = np.maximum(begins[firsts], free)
    least = begins.min()
    lift = np.repeat(np.arange(len(busy)) * (begins.max() - least + 1.0), counts[busy])
    begins = np.maximum.accumulate(begins - least + lift) - lift + least + (before - own)
    if (begins - times).max() > patience:
        return None
    ends = np.asarray(begins + services)
    lasts = bounds[busy + 1]
    for number, first, last, work in zip(
        busy.tolist(),
        firsts.tolist(),
        lasts.tolist(),
        (sums[lasts - 1] - before[firsts]).tolist(),
        strict=True,
    ):
        queues[number].take_block(ends[first:last], work)
    return ends
