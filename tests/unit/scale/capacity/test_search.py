"""The search for the largest rate within an objective, on queues whose capacity is known."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from tests.unit.scale.capacity.queues import CAPACITY, OBJECTIVE, exact_step, share_late, simulated

from ekiben.errors import AcceptanceError, NoDataError
from ekiben.scale.capacity.bounds import bounds, estimate
from ekiben.scale.capacity.search import Plan, conclude, search
from ekiben.scale.capacity.step import Objective, Step

PLAN = Plan(20, 1, 5_000)


def test_exact_measurements_give_the_closed_form() -> None:
    """With steps as exact as ten million requests, C* lies 0 to 3.5 % below mu - ln(1/eps)/X."""
    found = search(exact_step, OBJECTIVE, PLAN)
    assert 0.965 * CAPACITY < found.rate < CAPACITY
    assert found.failing_rate is not None
    assert CAPACITY < found.failing_rate < 1.04 * CAPACITY
    assert found.estimate == pytest.approx(CAPACITY, rel=0.001)  # the logarithm is linear: exact
    assert not found.limited


def test_the_rates_are_doubled_and_then_bisected() -> None:
    """20, 40, 80, 160 fails, then halves of what is left."""
    found = search(exact_step, OBJECTIVE, PLAN)
    assert [step.rate for step in found.steps[:7]] == [20, 40, 80, 160, 120, 140, 150]


def test_it_goes_down_where_the_first_rate_fails() -> None:
    """Begun at 1,280/s it halves to 80, and finds the same capacity."""
    found = search(exact_step, OBJECTIVE, replace(PLAN, first_rate=1_280))
    assert [step.rate for step in found.steps[:5]] == [1_280, 640, 320, 160, 80]
    assert 0.965 * CAPACITY < found.rate < CAPACITY


def test_simulated_queues_are_rarely_overrated() -> None:
    """12 searches of at most 20,000 requests a step: at most 2 above the truth, none 30 % below."""
    rates = [search(simulated(seed, 20_000, 0.05), OBJECTIVE, PLAN).rate for seed in range(12)]
    assert sum(rate > CAPACITY for rate in rates) <= 2
    assert min(rates) > 0.7 * CAPACITY


def test_a_capacity_beyond_the_sender_says_so() -> None:
    """A sender that goes to 100/s finds 100/s and marks it as limited."""
    found = search(exact_step, OBJECTIVE, replace(PLAN, most_rate=100))
    assert (found.rate, found.failing_rate, found.limited) == (100, None, True)


def test_an_invalid_step_is_made_again_and_then_avoided() -> None:
    """A sender that is late from 100/s on: each such rate is tried twice, and C* stays below 100."""

    def measure(rate: float) -> Step:
        return exact_step(rate, lag_p99_seconds=0.02 if rate >= 100 else 0.0)

    found = search(measure, OBJECTIVE, PLAN)
    assert [step.rate for step in found.steps[3:7]] == [160, 160, 120, 120]
    assert 95 < found.rate < 100
    assert found.failing_rate is None
    assert all(bound.rate < 100 for bound in found.bounds)


def test_fewer_than_two_valid_steps_are_an_error() -> None:
    """One valid step among invalid ones is no measurement; the message says what was wrong with each."""
    late = exact_step(40, lag_p99_seconds=0.02)
    with pytest.raises(NoDataError, match=r"found 1 of 2\n(.*\n)*.*the sender was late"):
        conclude((exact_step(20), late), OBJECTIVE, 0.05, 5_000)
    with pytest.raises(NoDataError, match="found 0 of 0"):
        search(exact_step, OBJECTIVE, PLAN, more=lambda: False)


def test_time_that_runs_out_ends_the_search_with_what_is_known() -> None:
    """After three steps (20, 40, 80 requests/s) C* is 80."""
    left = iter([True] * 6)
    found = search(exact_step, OBJECTIVE, PLAN, more=lambda: next(left, False))
    assert found.rate == found.steps[-1].rate
    assert len(found.steps) <= 6


def test_an_objective_below_the_service_time_says_what_could_be_met() -> None:
    """p99 <= 5 ms of a queue that serves in 4 ms on average: none; the message has rate and latency."""

    def measure(rate: float) -> Step:
        share = math.exp(-(250 - rate) * 0.005) if rate < 250 else 1.0
        return exact_step(rate, bad=round(1e7 * share))

    with pytest.raises(AcceptanceError, match=r"p99 <= 5 ms, found none .* at 1\.25 req") as error:
        search(measure, Objective(0.005, 0.01), PLAN)
    assert "p99 <= 22 ms" in error.value.remedy  # 1.2 ln(100) / (250 - 1.25) s


def test_too_few_requests_are_told_from_a_slow_replica() -> None:
    """Steps of 100 good requests each: nothing is shown, and the message asks for time."""
    with pytest.raises(AcceptanceError, match="too few requests to decide"):
        search(lambda rate: exact_step(rate, 100, bad=0), OBJECTIVE, PLAN)


def test_the_fit_never_falls_and_the_bounds_help_each_other() -> None:
    """A short step between long ones takes the bounds of its neighbours: both sides stay in order."""
    steps = [
        exact_step(60),
        exact_step(70, 300, bad=0),
        exact_step(80),
        exact_step(170),
        exact_step(180, 100, bad=4),
    ]
    found = bounds(steps, OBJECTIVE, 0.05)
    assert [b.rate for b in found] == [60, 70, 80, 170, 180]
    for name in ("lower", "fit", "upper"):
        values = [getattr(bound, name) for bound in found]
        assert values == sorted(values)
    assert found[1].upper == found[2].upper < 0.01
    assert found[4].lower == found[3].lower > 0.01
    assert all(bound.lower <= bound.upper for bound in found)


def test_the_estimate_keeps_to_what_was_measured() -> None:
    """Where all steps are below the objective it is the last rate, where all are above the first one."""
    low = bounds([exact_step(60), exact_step(80)], OBJECTIVE, 0.05)
    high = bounds([exact_step(200), exact_step(220)], OBJECTIVE, 0.05)
    assert (estimate(low, 0.01), estimate(high, 0.01)) == (80, 200)
    assert share_late(80) < 0.01 < share_late(200)
