"""What may be said of one step."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from tests.unit.scale.capacity.queues import CAPACITY, OBJECTIVE, exact_step, latencies, simulated


def test_a_rate_is_judged_by_its_requests() -> None:
    """Of many independent requests: 5 % below capacity meets, 5 % above misses, at it nothing is decided."""
    verdicts = [exact_step(CAPACITY * part).verdict(OBJECTIVE, 0.05) for part in (0.95, 1.0, 1.05)]
    assert verdicts == ["meets", "undecided", "misses"]


def test_few_requests_decide_nothing() -> None:
    """200 requests without a bad one cannot show a share below 1 %."""
    assert exact_step(10, 200).verdict(OBJECTIVE, 0.05) == "undecided"


def test_an_unresolved_correlation_decides_nothing() -> None:
    """However many requests: without the design effect their number says nothing; the bounds are 0 and 1."""
    step = exact_step(10, resolved=False)
    assert step.verdict(OBJECTIVE, 0.05) == "undecided"
    assert step.bounds(OBJECTIVE, 0.05) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"lag_p99_seconds": 0.0051}, "the sender was late"),
        ({"lag_p99_seconds": math.nan}, "the sender was late"),
        ({"mean_outstanding": 103 * 0.01 / 0.15}, "Little's law"),
        ({"answered_rate": math.nan}, "Little's law"),
        ({"faults": ("3 requests were not sent",)}, "not sent"),
        ({"requests": 0, "bad": 0}, "no request"),
    ],
)
def test_a_step_that_measured_the_sender_is_invalid(fields: dict[str, Any], reason: str) -> None:
    """Lag, books that do not balance, requests not sent: invalid, whatever the counts say."""
    step = exact_step(100, **fields)
    assert reason in "".join(step.reasons(OBJECTIVE))
    assert step.verdict(OBJECTIVE, 0.05) == "invalid"


def test_little_differences_are_allowed() -> None:
    """1 % between both sides of Little's law, and a lag of a tenth of the objective, are valid."""
    step = exact_step(200, lag_p99_seconds=0.005, mean_outstanding=200 / 50 * 1.01)
    assert step.reasons(OBJECTIVE) == ()


def test_the_model_of_the_tests_is_the_closed_form() -> None:
    """Simulated M/M/1 queues at capacity are late as often as the formula says: 1 % within 10 % of it."""
    late = latencies(np.random.default_rng(0), CAPACITY, 2_000_000)
    assert (late > OBJECTIVE.latency_seconds).mean() == pytest.approx(0.01, rel=0.1)


def test_correlated_requests_are_decided_wrongly_at_most_alpha() -> None:
    """M/M/1 queues at capacity, 40 repeats of up to 20,000 requests: at most 5 % + 2.5 sigma decide."""
    decided = [simulated(seed, 20_000, 0.05)(CAPACITY).verdict(OBJECTIVE, 0.05) for seed in range(40)]
    assert sum(verdict != "undecided" for verdict in decided) <= 40 * 0.05 + 2.5 * math.sqrt(40 * 0.05 * 0.95)
