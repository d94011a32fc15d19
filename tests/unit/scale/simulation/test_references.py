"""The clairvoyant's schedule against a dynamic programme, and the demand metric's parts by hand."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from ekiben.scale.simulation.demand import slope_of
from ekiben.scale.simulation.monitoring import rate
from ekiben.scale.simulation.references import schedule


def _cheapest(need: list[int], lead: int) -> int:
    """Least replica-steps by trying every number in every step; one more now is one more from `lead` on."""
    most, steps = max(need), len(need)

    @functools.cache
    def cost(step: int, recent: tuple[int, ...]) -> float:
        """`recent`: replicas started or there in the last `lead` steps; a replica serves if it was in all."""
        if step == steps:
            return 0.0
        found = float("inf")
        for count in range(most + 1):
            # What serves now was there for the whole of a start; before the run there is no limit.
            if min((*recent, count)) >= need[step]:
                found = min(found, count + cost(step + 1, (*recent, count)[-lead:] if lead else ()))
        return found

    return int(cost(0, (most,) * lead))


@pytest.mark.parametrize("seed", range(12))
def test_the_schedule_costs_what_a_dynamic_programme_finds(seed: int) -> None:
    """Level by level and over all (time, replicas): the same least cost, and always enough."""
    generator = np.random.default_rng(seed)
    need, lead = generator.integers(0, 4, 9), int(generator.integers(0, 4))
    found = schedule(need, lead)
    assert int(found.sum()) == _cheapest(need.tolist(), lead)
    for step, wanted in enumerate(need.tolist()):
        assert found[max(0, step - lead) : step + 1].min() >= wanted


def test_a_replica_is_kept_over_a_gap_shorter_than_its_start() -> None:
    """A gap of 2 steps: with a start of 2 steps the replica is kept, with a start of 1 it is not."""
    need = np.array([0, 0, 0, 1, 0, 0, 1])
    assert schedule(need, 2).tolist() == [0, 1, 1, 1, 1, 1, 1]
    assert schedule(need, 1).tolist() == [0, 0, 1, 1, 0, 1, 1]


def test_rate_extends_the_slope_to_the_ends_of_the_range() -> None:
    """10 requests/s scraped each 5 s: 10 at any phase; one sample gives nothing."""
    samples = [(float(at), 10.0 * at) for at in (102, 107, 112, 117)]
    assert rate(samples, 120.0, 20.0) == pytest.approx(10.0)
    assert rate(samples[:1], 120.0, 20.0) == 0.0


def test_rate_does_not_reach_before_a_counters_zero() -> None:
    """A counter of 10/s first seen at 10: extended by 1 s to its zero and by 2 s to the end of 20 s."""
    samples = [(105.0, 10.0), (110.0, 60.0), (115.0, 110.0), (118.0, 140.0)]
    assert rate(samples, 120.0, 20.0) == pytest.approx(13 * 10.0 * 16 / 13 / 20)


def test_rate_of_a_series_that_has_ended_stops_at_half_an_interval() -> None:
    """The last sample 10 s old, where scrapes are 5 s apart: extended by 2.5 s only."""
    samples = [(100.5, 1005.0), (105.0, 1050.0), (110.0, 1100.0)]
    covered, interval = 9.5, 4.75
    assert rate(samples, 120.0, 20.0) == pytest.approx(95 * (covered + 0.5 + interval / 2) / covered / 20)


def test_slope_is_least_squares() -> None:
    """Points on a line of 3/s give 3, whatever their level."""
    assert slope_of([(float(at), 7 + 3.0 * at) for at in range(0, 60, 5)]) == pytest.approx(3)
    assert slope_of([(0.0, 5.0)]) == 0
