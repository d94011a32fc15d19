"""How far a load is: what the display is given twice a second."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

RECENT_SECONDS = 3.0
PROGRESS_SECONDS = 0.5  # how often progress is told


def quantile(ascending: Sequence[float], share: float) -> float | None:
    """The smallest value that at least `share` of all values do not exceed.

    Args:
        ascending: Values in ascending order.
        share: 0 < share <= 1.

    Returns:
        One of the values, never an interpolation; None if there are none.
    """
    if not ascending:
        return None
    # The slack undoes a product such as 0.95 * 20 = 19.000000000000004 rounding up.
    return ascending[max(0, math.ceil(share * len(ascending) - 1e-9) - 1)]


@dataclass(frozen=True, slots=True)
class Progress:
    """A load under way.

    Attributes:
        elapsed_seconds: Since the first intended time, seconds.
        total_seconds: Length of the load, seconds.
        planned: Requests in the schedule.
        sent: Taken up so far.
        ok: Answered rightly so far.
        failed: Lost so far.
        outstanding: Under way now.
        rate: Right answers per second over the last 3 s.
        p50_seconds: Median latency of those that ended in the last 3 s; None if none did.
        p99_seconds: 99th percentile of the same.
    """

    elapsed_seconds: float
    total_seconds: float
    planned: int
    sent: int
    ok: int
    failed: int
    outstanding: int
    rate: float
    p50_seconds: float | None
    p99_seconds: float | None


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What one sender knows of a load under way.

    Attributes:
        elapsed_seconds: Since the start, seconds; below 0 before it.
        sent: Taken up so far.
        ok: Answered rightly so far.
        failed: Lost so far.
        outstanding: Under way now.
        recent: Latency of each that ended in the last 3 s, seconds.
        recent_ok: Of these, answered rightly.
    """

    elapsed_seconds: float
    sent: int
    ok: int
    failed: int
    outstanding: int
    recent: array[float]
    recent_ok: int


def summed(glimpses: Sequence[Glimpse], planned: int, total_seconds: float) -> Progress:
    """Put together what all senders know; the result does not depend on who sent which request.

    Args:
        glimpses: One of each sender that has told something yet.
        planned: Requests in the schedule.
        total_seconds: Length of the load, seconds.
    """
    now = max((one.elapsed_seconds for one in glimpses), default=0.0)
    latencies = sorted(latency for one in glimpses for latency in one.recent)
    return Progress(
        elapsed_seconds=max(0.0, now),
        total_seconds=total_seconds,
        planned=planned,
        sent=sum(one.sent for one in glimpses),
        ok=sum(one.ok for one in glimpses),
        failed=sum(one.failed for one in glimpses),
        outstanding=sum(one.outstanding for one in glimpses),
        rate=sum(one.recent_ok for one in glimpses) / min(RECENT_SECONDS, max(now, PROGRESS_SECONDS)),
        p50_seconds=quantile(latencies, 0.5),
        p99_seconds=quantile(latencies, 0.99),
    )
