"""M/M/1 queues, of which everything is known: P(T > x) = exp(-(mu - lambda) x).

Source: L. Kleinrock, "Queueing Systems", volume 1, 1975, section 5.12.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ekiben.scale.capacity.dispersion import dispersion
from ekiben.scale.capacity.search import Measure
from ekiben.scale.capacity.step import Objective, Step

SERVICE_RATE = 250.0
OBJECTIVE = Objective(0.05, 0.01)
CAPACITY = SERVICE_RATE - math.log(1 / OBJECTIVE.bad_ratio) / OBJECTIVE.latency_seconds  # 157.9 requests/s
_WARM_UP = 3_000  # requests; a queue of this load forgets its start within some tens


def share_late(rate: float) -> float:
    """Share of requests slower than the objective; 1 where the queue grows without end."""
    if rate >= SERVICE_RATE:
        return 1.0
    return math.exp(-(SERVICE_RATE - rate) * OBJECTIVE.latency_seconds)


def latencies(generator: np.random.Generator, rate: float, requests: int) -> NDArray[np.float64]:
    """Latencies of consecutive requests, seconds, shape (requests,): Lindley's recursion."""
    every = requests + (_WARM_UP if rate < SERVICE_RATE else 0)
    gaps = generator.exponential(1 / rate, every)
    services = generator.exponential(1 / SERVICE_RATE, every)
    steps = np.cumsum(np.concatenate([[0.0], services[:-1] - gaps[1:]]))
    waits = steps - np.minimum.accumulate(np.minimum(steps, 0.0))
    found: NDArray[np.float64] = (waits + services)[every - requests :]
    return found


def exact_step(rate: float, requests: int = 10_000_000, **fields: Any) -> Step:
    """A step that counted exactly its expectation, of independent requests."""
    mean = 1 / (SERVICE_RATE - rate) if rate < SERVICE_RATE else 1.0
    found: dict[str, Any] = {
        "rate": rate, "seconds": requests / rate, "requests": requests,
        "bad": round(requests * share_late(rate)), "effect": 1.0, "resolved": True, "mean_seconds": mean,
        "p99_seconds": mean * math.log(100), "mean_outstanding": rate * mean, "answered_rate": rate,
        "lag_p99_seconds": 0.0,
    }  # fmt: skip
    return Step(**found | fields)


def simulated(seed: int, most_requests: int, alpha: float) -> Measure:
    """Hold a rate until it is decided, looking whenever 15 % more requests have come."""
    generator = np.random.default_rng(seed)

    def measure(rate: float) -> Step:
        late = latencies(generator, rate, most_requests)
        requests = min(2_000, most_requests)
        while True:
            step = _judged(rate, late[:requests])
            if step.verdict(OBJECTIVE, alpha) != "undecided" or requests >= most_requests:
                return step
            requests = min(most_requests, int(requests * 1.15))

    return measure


def _judged(rate: float, late: NDArray[np.float64]) -> Step:
    bad = late > OBJECTIVE.latency_seconds
    found = dispersion(late, bad, OBJECTIVE.bad_ratio)
    mean = float(late.mean())
    return exact_step(
        rate, len(late), bad=int(bad.sum()), effect=found.effect, resolved=found.resolved,
        mean_seconds=mean, mean_outstanding=rate * mean,
    )  # fmt: skip
