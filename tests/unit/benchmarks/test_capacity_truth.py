"""The truth about a capacity, from queues whose capacity is known."""

from __future__ import annotations

import math
from array import array

import numpy as np
import numpy.typing as npt
import pytest
from benchmarks.capacity.live import counted, services
from benchmarks.capacity.truth import LEVELS, Block, Truth, estimate, first_guess, next_rates

from ekiben.scale.capacity.step import Objective
from ekiben.scale.load.records import Outcome, Records, Sent

SERVICE_RATE, OBJECTIVE = 2_000.0, Objective(0.02, 0.01)
CAPACITY = SERVICE_RATE - math.log(100) / 0.02  # M/M/1: P(T > x) = exp(-(mu - lambda) x)
HOLD, LEFT_OUT, ROUNDS = 30.0, 5.0, 6


def staircase(generator: np.random.Generator, rates: list[float]) -> tuple[npt.NDArray[np.float64], ...]:
    """Arrivals and latencies of an M/M/1 queue whose rate changes every 30 s, without a pause."""
    begins = np.arange(len(rates)) * HOLD
    times = np.concatenate(
        [
            np.sort(generator.uniform(begin, begin + HOLD, generator.poisson(rate * HOLD)))
            for begin, rate in zip(begins, rates, strict=True)
        ]
    )
    served = generator.exponential(1 / SERVICE_RATE, len(times))
    left = np.cumsum(np.concatenate([[0.0], served[:-1] - np.diff(times)]))
    return times, left - np.minimum(np.minimum.accumulate(left), 0.0) + served


def run(seed: int, guess: float) -> list[Block]:
    generator, blocks = np.random.default_rng(seed), list[Block]()
    for number in range(ROUNDS):
        rates = next_rates(blocks, OBJECTIVE, guess, number)
        times, latency = staircase(generator, rates)
        for place, rate in enumerate(rates):
            here = (times >= place * HOLD + LEFT_OUT) & (times < (place + 1) * HOLD)
            late = latency[here] > OBJECTIVE.latency_seconds
            blocks.append(Block(rate, len(late), int(late.sum())))
    return blocks


def exact(rate: float, requests: int = 10**9) -> Block:
    share = min(1.0, math.exp(-(SERVICE_RATE - rate) * OBJECTIVE.latency_seconds))
    return Block(rate, requests, round(requests * share))


@pytest.mark.parametrize("guess", [0.85, 1.0, 1.08])
def test_fifteen_minutes_find_the_closed_form(guess: float) -> None:
    """Begun 15 % below to 8 % above mu - ln(1/eps)/X: within 2 % of it, and so says the interval."""
    found = estimate(run(3, guess * CAPACITY), OBJECTIVE)
    assert found is not None
    assert found.known
    assert found.rate == pytest.approx(CAPACITY, rel=0.02)
    assert found.low - 0.01 * CAPACITY < CAPACITY < found.high + 0.01 * CAPACITY
    assert found.half_width_ratio < 0.02


def test_exact_counts_give_the_crossing_and_the_steepness() -> None:
    """Shares of e^-((mu - rate) X): the crossing to 0.1 %, the steepness rate times X to a tenth."""
    found = estimate([exact(CAPACITY * (1 + off / 100)) for off in range(-5, 6)], OBJECTIVE)
    assert found is not None
    assert found.rate == pytest.approx(CAPACITY, rel=0.001)
    assert found.steepness == pytest.approx(CAPACITY * 0.02, rel=0.1)
    assert found.share(CAPACITY, 0.01) == pytest.approx(0.01, rel=0.05)


@pytest.mark.parametrize("side", [-1, 1])
def test_rates_on_one_side_of_the_capacity_are_no_truth(side: int) -> None:
    """Twelve rates 2 to 6.4 % below (or above) the capacity: a narrow interval that yet judges nothing."""
    held = [exact(CAPACITY * (1 + side * (2 + 0.4 * step) / 100), 100_000) for step in range(12)]
    found = estimate(held, OBJECTIVE)
    assert found is not None
    assert (found.blocks, found.bracketed, found.known) == (12, False, False)
    assert found.half_width_ratio < 0.01


def test_few_blocks_or_a_wide_interval_are_no_truth() -> None:
    """Nine blocks where ten are asked; an interval of +-6 % where +-5 % is; nothing from nothing."""
    assert not Truth(100.0, 99.0, 101.0, 20.0, 9, bracketed=True).known
    assert not Truth(100.0, 94.0, 106.0, 20.0, 30, bracketed=True).known
    assert Truth(100.0, 96.0, 104.0, 20.0, 30, bracketed=True).known
    assert estimate([], OBJECTIVE) is None


def test_rounds_go_up_and_down_around_what_is_known() -> None:
    """Shares of eps/3 to 3 eps: ln(3) / X around the capacity, ascending, then descending."""
    blocks = [exact(CAPACITY * (1 + off / 100)) for off in range(-5, 6)]
    up, down = (next_rates(blocks, OBJECTIVE, 1.0, number) for number in (0, 1))
    assert up == sorted(up)
    assert down == up[::-1]
    assert len(up) == len(LEVELS)
    assert up[2] == pytest.approx(CAPACITY, rel=0.002)
    assert up[4] - up[2] == pytest.approx(math.log(3) / 0.02, rel=0.15)


def test_a_first_guess_is_that_of_a_queue() -> None:
    """What M/M/1 would carry, and a third of the saturated rate where that is nothing."""
    assert first_guess(SERVICE_RATE, OBJECTIVE) == pytest.approx(CAPACITY)
    assert first_guess(30.0, OBJECTIVE) == 10.0


def test_requests_are_counted_where_they_were_meant_to_be_sent() -> None:
    """Two rates of 10 s, the first 5 s of each left out: late and failed ones are bad, by intended time."""
    intended = [1.0, 6.0, 9.99, 10.01, 15.0, 19.0]
    latency = [9.0, 0.5, 0.001, 9.0, 0.001, 0.001]
    outcome = [Outcome.OK] * 5 + [Outcome.HTTP_STATUS]
    records = Records(array("d", intended), array("d", intended), array("d", latency), array("B", outcome))
    found = counted(Sent(records), [100.0, 200.0], 10.0, 5.0, OBJECTIVE)
    assert [(each["rate"], each["requests"], each["bad"]) for each in found] == [(100, 2, 1), (200, 2, 1)]
    assert found[0]["counts"] == [[2], [1]]


def test_service_times_are_round_trips_without_what_is_constant() -> None:
    """A mean trip of 500 us with 200 us of CPU time: 300 us less each, but never next to nothing."""
    record = {"trips_microseconds": [[450, 550], [310, 690]], "mean_seconds": 500e-6, "cpu_seconds": 200e-6}
    assert services(record) == pytest.approx(np.array([[150e-6, 250e-6], [20e-6, 390e-6]]))
