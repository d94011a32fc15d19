"""Queues against the closed forms of queueing theory."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ekiben.scale.simulation.balancing import BALANCINGS, Balancing, balancer
from ekiben.scale.simulation.queueing import Queue, take_in_turn
from ekiben.scale.simulation.service import Service

_COUNT = 400_000


def _waits(workers: int, utilization: float, variation: float, seed: int) -> np.ndarray:
    """Waits of a queue that Poisson arrivals keep so busy; the service time is 1 s."""
    generator = np.random.default_rng(seed)
    times = np.cumsum(generator.exponential(1 / (utilization * workers), _COUNT))
    services = Service(workers, 1.0, variation).draw(generator, _COUNT)
    ends = np.array(Queue(workers).take(times.tolist(), services.tolist(), math.inf))
    return np.asarray((ends - services - times)[_COUNT // 20 :])


def _erlang_c(workers: int, offered: float) -> float:
    """The probability to wait in M/M/c."""
    terms = [offered**k / math.factorial(k) for k in range(workers)]
    last = offered**workers / math.factorial(workers) * workers / (workers - offered)
    return last / (sum(terms) + last)


@pytest.mark.parametrize("utilization", [0.5, 0.8])
def test_one_worker_with_exponential_times_waits_as_m_m_1(utilization: float) -> None:
    """The mean wait is rho / (1 - rho) service times."""
    assert _waits(1, utilization, 1.0, 1).mean() == pytest.approx(utilization / (1 - utilization), rel=0.05)


@pytest.mark.parametrize("utilization", [0.5, 0.8])
def test_one_worker_with_constant_times_waits_as_m_d_1(utilization: float) -> None:
    """The mean wait is half of M/M/1's."""
    expected = utilization / (1 - utilization) / 2
    assert _waits(1, utilization, 0.0, 2).mean() == pytest.approx(expected, rel=0.05)


def test_one_worker_waits_as_pollaczek_and_khinchine_say() -> None:
    """M/G/1 with a variation of 0.5: rho / (1 - rho) x (1 + 0.25) / 2."""
    assert _waits(1, 0.7, 0.5, 3).mean() == pytest.approx(0.7 / 0.3 * 1.25 / 2, rel=0.05)


@pytest.mark.parametrize(("workers", "utilization"), [(2, 0.7), (4, 0.8)])
def test_several_workers_wait_as_erlang_c_says(workers: int, utilization: float) -> None:
    """The share that waits is C(c, a), the mean wait is C / (c - a) service times."""
    waits = _waits(workers, utilization, 1.0, 4)
    share = _erlang_c(workers, workers * utilization)
    assert (waits > 1e-9).mean() == pytest.approx(share, rel=0.03)
    assert waits.mean() == pytest.approx(share / (workers * (1 - utilization)), rel=0.06)


def test_who_waits_too_long_gives_up_and_costs_nothing() -> None:
    """Three at once of 1 s each, patience 1.5 s: the third would wait 2 s; a fourth at 1 s waits 1 s."""
    queue = Queue(1)
    assert queue.take([0.0, 0.0, 0.0, 1.0], [1.0] * 4, 1.5) == [1.0, 2.0, math.inf, 3.0]
    assert (queue.arrivals, queue.work) == (4, 3.0)
    assert (queue.until(2.5), queue.completed) == (1, 2)
    assert queue.busy_seconds(2.5) == pytest.approx(2.5)


@pytest.mark.parametrize("name", BALANCINGS)
def test_balancers_lose_and_invent_nothing(name: Balancing) -> None:
    """Every request ends after its service time at least, and the queues together have received all."""
    generator = np.random.default_rng(5)
    times, services = np.sort(generator.uniform(0, 100, 5_000)), generator.exponential(0.05, 5_000)
    queues = [Queue(1) for _ in range(5)]
    ends = balancer(name, generator).send(times, services, queues, math.inf)
    assert (ends >= times + services - 1e-9).all()
    assert sum(queue.arrivals for queue in queues) == 5_000
    assert sum(queue.work for queue in queues) == pytest.approx(services.sum())


def test_two_choices_wait_less_than_one_at_random() -> None:
    """At 80 % of five replicas the mean wait is less than half of that of random choice."""
    waits = {}
    for name in ("random", "two-choices"):
        generator = np.random.default_rng(6)
        times = np.cumsum(generator.exponential(1 / 4.0, 40_000))
        services = generator.exponential(1.0, 40_000)
        ends = balancer(name, generator).send(times, services, [Queue(1) for _ in range(5)], math.inf)
        waits[name] = float((ends - times - services).mean())
    assert waits["two-choices"] < waits["random"] / 2


def _filled(queues: list[Queue], seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Arrivals of 10 s for queues of which one gets none: bounds, times and services, queue by queue."""
    generator = np.random.default_rng(seed)
    counts = [int(generator.integers(1, 400)) for _ in queues]
    counts[len(counts) // 2] = 0
    times = np.concatenate([np.sort(generator.uniform(0, 10, count)) for count in counts])
    bounds = np.concatenate(([0], np.cumsum(counts)))
    return bounds, times, generator.gamma(4.0, 0.006, len(times))


@pytest.mark.parametrize("seed", range(5))
def test_queues_taken_together_end_as_each_alone(seed: int) -> None:
    """The running maximum over all queues gives what each gives request by request, backlogs included."""
    together = [Queue(1, free) for free in (0.0, 3.0, 0.1, 11.0, 0.0)]
    alone = [Queue(1, queue.free[0]) for queue in together]
    bounds, times, services = _filled(together, seed)
    ends = take_in_turn(together, bounds, times, services, math.inf)
    assert ends is not None
    for number, queue in enumerate(alone):
        own = slice(bounds[number], bounds[number + 1])
        expected = queue.take(times[own].tolist(), services[own].tolist(), math.inf)
        assert ends[own] == pytest.approx(expected, abs=1e-9)
        both = (queue, together[number])
        for now in (4.0, 9.9):
            assert len({each.until(now) for each in both}) == 1
            assert len({(each.arrivals, each.completed) for each in both}) == 1
        assert both[1].busy_seconds(5.0) == pytest.approx(queue.busy_seconds(5.0), abs=1e-9)


def test_queues_are_not_taken_together_where_a_client_gives_up() -> None:
    """A wait of 3 s with a patience of 2.9 s: nothing is taken, so that each can be asked alone."""
    queues = [Queue(1), Queue(1, 3.0)]
    times = np.array([0.5, 0.0])
    assert take_in_turn(queues, np.array([0, 1, 2]), times, np.array([1.0, 1.0]), 2.9) is None
    assert [queue.arrivals for queue in queues] == [0, 0]
