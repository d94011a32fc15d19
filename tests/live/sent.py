"""A load in figures: pure."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ekiben.scale.load.measurement import measure
from ekiben.scale.load.records import Outcome, Sent

SHARES = (0.5, 0.9, 0.95, 0.99, 0.999, 1.0)
STOPPED = "it was stopped before its end"
# Upper edges of the histogram, milliseconds; the last bucket has what is longer.
EDGES = (2, 5, 10, 15, 20, 30, 40, 50, 60, 80, 100, 120, 150, 200, 300, 500, 1000, 2000, 5000)


def figures(
    sent: Sent, *, objective_seconds: float, started_at: float, planned: int, seed: int
) -> dict[str, Any]:
    """Sum a load up for a record.

    Args:
        sent: What the sender left.
        objective_seconds: A request that takes longer, or fails, is bad.
        started_at: Wall time of the start, seconds since the epoch.
        planned: Requests in the schedule.
        seed: Of the schedule.

    Returns:
        `reasons` (why it does not count), `requests`, `bad`, `outcomes`, `latency` of right answers by share,
        seconds, `histogram` of the same, and by second `arrivals` and `bad_by_second`.
    """
    records = sent.records
    outcome = np.frombuffer(records.outcome.tobytes(), dtype=np.uint8)
    latency, intended = _floats(records.latency), _floats(records.intended)
    right = latency[outcome == Outcome.OK]
    bad = (outcome != Outcome.OK) | (latency > objective_seconds)
    seconds = int(np.ceil(sent.seconds))
    places = np.minimum(intended.astype(np.int64), max(0, seconds - 1))
    measured = measure(sent, started_at=started_at, planned=planned, seed=seed)
    interrupted = (STOPPED,) if sent.interrupted else ()
    return {
        "reasons": [*measured.reasons, *interrupted],
        "requests": len(outcome),
        "bad": int(bad.sum()),
        "outcomes": {name: number for name, number in measured.outcomes.items() if number},
        "latency": {f"{share:g}": value for share, value in zip(SHARES, _quantiles(right), strict=True)},
        "histogram": _histogram(right),
        "arrivals": np.bincount(places, minlength=seconds).tolist(),
        "bad_by_second": np.bincount(places, weights=bad, minlength=seconds).astype(int).tolist(),
        "sender_late_p99_seconds": round(measured.lag.p99, 6) if measured.lag else None,
    }


def services(sent: Sent, points: int = 101) -> list[float]:
    """Service times of a load too light for queues, as evenly spaced quantiles, seconds, ascending."""
    outcome = np.frombuffer(sent.records.outcome.tobytes(), dtype=np.uint8)
    right = _floats(sent.records.latency)[outcome == Outcome.OK]
    shares = (np.arange(points) + 0.5) / points
    return [round(float(each), 6) for each in np.quantile(right, shares)]


def _floats(column: array[float]) -> NDArray[np.float64]:
    return np.frombuffer(column.tobytes(), dtype=np.float64)


def _quantiles(right: NDArray[np.float64]) -> list[float | None]:
    if not len(right):
        return [None for _ in SHARES]
    return [round(float(each), 6) for each in np.quantile(right, SHARES)]


def _histogram(right: NDArray[np.float64]) -> dict[str, int]:
    edges = np.asarray([0.0, *(each / 1000 for each in EDGES), np.inf])
    counts = np.histogram(right, edges)[0].tolist()
    names = [*(f"{each}" for each in EDGES), "longer"]
    return dict(zip(names, counts, strict=True))
