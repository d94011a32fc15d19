"""From what a load left to a step of the search for capacity: pure."""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray

from ekiben.scale.capacity.dispersion import dispersion
from ekiben.scale.capacity.step import Objective, Step
from ekiben.scale.load.records import Outcome, Sent


def judged(
    sent: Sent,
    rate: float,
    objective: Objective,
    *,
    warm_up_seconds: float,
    now: float,
    cpu_cores: float | None,
) -> Step:
    """Judge the requests whose fate is known.

    A request is left out in the warm-up, where the queue is not yet what it will be, and where it was meant
    to be sent less than the objective's latency before `now`: of those only the quick ones have ended.

    Args:
        sent: What the load left, or has left so far.
        rate: Requests per second that the schedule asked for.
        objective: When a request is bad.
        warm_up_seconds: Left out at the begin, seconds.
        now: When `sent` was looked at, seconds since the start of the load.
        cpu_cores: CPU-seconds per second that the server used; None if it was not read.
    """
    records = sent.records
    length = min(
        len(records.outcome), len(records.pod)
    )  # a look from another thread: columns grow one by one
    intended, taken_up, latency = (
        _floats(column, length) for column in (records.intended, records.sent, records.latency)
    )
    outcome = np.frombuffer(records.outcome[:length].tobytes(), dtype=np.uint8)
    pending = outcome == Outcome.PENDING
    latency = np.where(pending, now - intended, latency)
    under_way = np.where(outcome == Outcome.NOT_SENT, 0.0, latency - (taken_up - intended))
    known = (intended >= warm_up_seconds) & (intended <= now - objective.latency_seconds)
    late = latency[known]
    bad = (late > objective.latency_seconds) | ((outcome[known] != Outcome.OK) & ~pending[known])
    late = np.where(bad, np.maximum(late, objective.latency_seconds), late)
    found = dispersion(late, bad, objective.bad_ratio)
    judged_any = len(late) > 0
    return Step(
        rate=rate,
        seconds=max(0.0, min(now, sent.seconds or now) - warm_up_seconds),
        requests=len(late),
        bad=int(bad.sum()),
        effect=found.effect,
        resolved=found.resolved,
        mean_seconds=float(under_way.mean()) if length else 0.0,
        p99_seconds=float(np.quantile(late, 0.99)) if judged_any else 0.0,
        mean_outstanding=sent.outstanding_seconds / now if now > 0 else 0.0,
        answered_rate=length / now if now > 0 else 0.0,
        lag_p99_seconds=float(np.quantile(taken_up - intended, 0.99)) if length else 0.0,
        cpu_cores=cpu_cores,
        variation=float(late.std() / late.mean()) if judged_any and late.mean() > 0 else 0.0,
        faults=_faults(outcome),
    )


def _floats(column: array[float], length: int) -> NDArray[np.float64]:
    return np.frombuffer(column[:length].tobytes(), dtype=np.float64)


def _faults(outcome: NDArray[np.uint8]) -> tuple[str, ...]:
    not_sent = int((outcome == Outcome.NOT_SENT).sum())
    if not_sent:
        return (f"{not_sent} requests were not sent: too many were under way, or no socket was free",)
    return ()
