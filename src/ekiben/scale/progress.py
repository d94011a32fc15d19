"""How far a load is: what the display is given twice a second."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


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
