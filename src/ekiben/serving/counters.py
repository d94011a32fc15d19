"""Counters as plain numbers: counting costs an addition, and all formatting is left to the scrape.

Nothing here is locked: each number has one thread that writes it, which is the
event loop's but where a docstring says otherwise. Other threads hand theirs to
the loop (`call_soon_threadsafe`, or the future that they settle). Scrapes read
on the loop, so that every count is exact and a scrape is one instant.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ekiben.serving.metrics import Metric

OTHER = "_OTHER"  # OpenTelemetry's value for what is not among the known ones
_STATUSES = range(100, 600)


class Mark(NamedTuple):
    """An exemplar: one observation and the trace that it was part of.

    Attributes:
        trace_id: 32 hexadecimal digits.
        value: What was observed.
        time: Unix seconds.
    """

    trace_id: str
    value: float
    time: float


class Histogram:
    """Distribution of one series.

    Args:
        edges: Upper edges of the buckets, rising; the one above them all is added.

    Attributes:
        edges: As given.
        observe: Takes one observation; an edge belongs to the bucket below it, as `le` says. It is kept as
            it is until `fold`, which sorts many at once in a tenth of the time.
        counts: Folded observations per bucket, not cumulative; one more than `edges`.
        sum: Of all folded observations.
        marks: The last observation of each bucket that was part of a trace, by number of the bucket.
    """

    __slots__ = ("_waiting", "counts", "edges", "marks", "observe", "sum")

    def __init__(self, edges: Sequence[float]) -> None:
        self.edges = edges
        self.counts = [0] * (len(edges) + 1)
        self.sum = 0.0
        self.marks: dict[int, Mark] = {}
        self._waiting: list[float] = []
        self.observe: Callable[[float], None] = self._waiting.append

    def mark(self, value: float, trace_id: str) -> None:
        """Take an observation that was part of a trace."""
        self.observe(value)
        self.marks[bisect_left(self.edges, value)] = Mark(trace_id, value, time.time())

    def fold(self) -> None:
        """Sort what was observed into the buckets."""
        if self._waiting:
            values = np.array(self._waiting, dtype=np.float64)
            self._waiting.clear()
            places = np.searchsorted(self.edges, values, side="left")
            found = np.bincount(places, minlength=len(self.counts)).tolist()
            self.counts = [old + new for old, new in zip(self.counts, found, strict=True)]
            self.sum += float(values.sum())

    @property
    def count(self) -> int:
        """Number of observations."""
        return sum(self.counts) + len(self._waiting)

    def copy(self) -> Histogram:
        """What it is now."""
        self.fold()
        found = Histogram(self.edges)
        found.counts, found.sum, found.marks = self.counts.copy(), self.sum, self.marks.copy()
        return found


@dataclass(frozen=True, slots=True)
class Series:
    """One series at the instant of a scrape.

    Attributes:
        metric: Its declaration.
        labels: Values in the order of `metric.labels`.
        value: What was counted.
    """

    metric: Metric
    labels: tuple[str, ...]
    value: float | Histogram


class Visits:
    """Counters of one route and method.

    Args:
        route: A template.
        method: One of a bounded set.
        edges: Buckets of the duration, seconds.

    Attributes:
        route: As given; for logs and spans too, which must not repeat what a client wrote.
        method: As given.
        arrivals: Requests received.
        by_status: Durations of those that ended, by status.
    """

    __slots__ = ("_edges", "arrivals", "by_status", "method", "route")

    def __init__(self, route: str, method: str, edges: Sequence[float]) -> None:
        self.route = route
        self.method = method
        self.arrivals = 0
        self.by_status: dict[int, Histogram] = {}
        self._edges = edges

    def expect(self, *statuses: int) -> None:
        """Create the series of these statuses."""
        for status in statuses:
            if status not in self.by_status:
                self.by_status[status] = Histogram(self._edges)

    def arrived(self) -> None:
        """Count a request at its receipt."""
        self.arrivals += 1

    def left(self, status: int, seconds: float, trace_id: str | None = None) -> None:
        """Count the end of its answer; once for each `arrived`.

        Args:
            status: HTTP status that was sent, or `metrics.CLIENT_GONE`.
            seconds: Time since its receipt.
            trace_id: Of the caller's `traceparent`, for an exemplar.
        """
        found = self.by_status.get(status)
        if found is None:
            found = self._created(status)
        if trace_id is None:
            found.observe(seconds)
        else:
            found.mark(seconds, trace_id)

    @property
    def in_progress(self) -> int:
        """Requests that arrived and have not left."""
        return self.arrivals - sum(each.count for each in self.by_status.values())

    def _created(self, status: int) -> Histogram:
        known = status if status in _STATUSES else 0  # a service's own code may answer any number
        self.expect(known)
        return self.by_status[known]
