"""Intended send times."""

from __future__ import annotations

import itertools
import math

import pytest

from ekiben import config
from ekiben.errors import ConfigError
from ekiben.scale.load.schedule import Load, Segment, intended_times, trace


def test_constant_arrivals_are_evenly_spaced_in_each_segment() -> None:
    """2/s for 1 s, then 4/s for 1 s: hand-written times."""
    load = Load((Segment(2, 1), Segment(4, 1)), "constant")
    assert list(intended_times(load, 0)) == [0.0, 0.5, 1.0, 1.25, 1.5, 1.75]


def test_a_count_that_rounding_would_raise_is_exact() -> None:
    """0.1 s at 30/s is 3 requests, although 0.1 * 30 is above 3 in floating point."""
    assert len(intended_times(Load((Segment(30, 0.1),), "constant"), 0)) == 3


def test_poisson_gaps_are_exponential() -> None:
    """Over 20,000 s at 5/s: count within 5 sigma, variance of gaps 1/rate^2, P(gap > mean) = 1/e."""
    times = intended_times(Load((Segment(5, 20_000),)), 7)
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    mean = sum(gaps) / len(gaps)
    assert abs(len(times) - 100_000) < 5 * math.sqrt(100_000)
    assert sum((gap - mean) ** 2 for gap in gaps) / len(gaps) == pytest.approx(0.04, rel=0.03)
    assert sum(gap > 0.2 for gap in gaps) / len(gaps) == pytest.approx(math.exp(-1), abs=0.01)


def test_poisson_segments_keep_their_rates_and_ends() -> None:
    """A step from 10/s to 40/s at 500 s: counts per part within 5 sigma, ascending, none after the end."""
    times = list(intended_times(Load((Segment(10, 500), Segment(40, 500))), 3))
    assert abs(sum(time < 500 for time in times) - 5_000) < 5 * math.sqrt(5_000)
    assert abs(sum(time >= 500 for time in times) - 20_000) < 5 * math.sqrt(20_000)
    assert times == sorted(times)
    assert times[-1] < 1000


def test_the_seed_decides() -> None:
    """Same seed, same times; another seed, others."""
    load = Load((Segment(50, 10),))
    assert intended_times(load, 1) == intended_times(load, 1)
    assert intended_times(load, 1) != intended_times(load, 2)
    assert len({intended_times(load, seed)[0] for seed in range(9)}) == 9


def test_the_rate_at_a_time_is_that_of_its_segment() -> None:
    """Segments are half-open; outside of the load the rate is 0."""
    load = Load((Segment(2, 1), Segment(4, 1)), "constant")
    assert [load.rate_at(t) for t in (-0.1, 0, 0.999, 1, 1.999, 2)] == [0, 2, 2, 4, 4, 0]


def test_a_load_is_made_of_the_models_settings() -> None:
    """`scale.load` of ekiben.yaml gives one segment."""
    settings = config.Load(rate=3, duration_seconds=4, arrivals="constant")
    assert Load.of(settings) == Load((Segment(3, 4),), "constant")


@pytest.mark.parametrize(
    ("rate", "seconds"), [(0, 1), (-1, 1), (5001, 1), (1, 0), (1, 86_401), (math.nan, 1), (1, math.inf)]
)
def test_rates_and_lengths_are_bounded(rate: float, seconds: float) -> None:
    """Zero, negative, too large and not a number are refused."""
    with pytest.raises(ConfigError, match="expected a"):
        Segment(rate, seconds)


def test_the_whole_load_is_bounded() -> None:
    """No segment, a day in two parts and a bit, or more requests than can be recorded are refused."""
    for segments in ((), (Segment(1, 86_400), Segment(1, 1)), (Segment(5_000, 500),)):
        with pytest.raises(ConfigError):
            Load(segments)
    with pytest.raises(ConfigError, match="arrivals"):
        Load((Segment(1, 1),), "burst")  # type: ignore[arg-type]


def test_a_ramp_sends_where_its_integral_passes_whole_numbers() -> None:
    """From 0 to 10/s in 2 s, t^2 x 2.5 requests by t: the n-th leaves at sqrt(n / 2.5)."""
    times = intended_times(Load((Segment(0, 2, 10),), "constant"), 0)
    assert list(times) == pytest.approx([math.sqrt(n / 2.5) for n in range(10)])
    falling = intended_times(Load((Segment(10, 2, 0),), "constant"), 0)
    assert list(falling) == pytest.approx([2 - math.sqrt((10 - n) / 2.5) for n in range(10)])


def test_a_ramp_of_independent_users_has_its_rate_everywhere() -> None:
    """From 20/s to 80/s in 1,000 s: counts of both halves within 5 sigma of 17,500 and 32,500."""
    load = Load((Segment(20, 1_000, 80),))
    times = intended_times(load, 5)
    assert load.requests == 50_000
    assert (load.rate_at(0), load.rate_at(500), load.rate_at(999.999)) == pytest.approx(
        (20, 50, 80), rel=1e-3
    )
    assert abs(sum(time < 500 for time in times) - 17_500) < 5 * math.sqrt(17_500)
    assert abs(sum(time >= 500 for time in times) - 32_500) < 5 * math.sqrt(32_500)
    assert list(times) == sorted(times)
    assert times[-1] < 1_000


def test_a_trace_sends_its_counts() -> None:
    """3, none and 6 requests of 10 s each: so many in each, none in the middle."""
    load = trace([(100, 3), (110, 0), (120, 6)], 10, arrivals="constant")
    times = list(intended_times(load, 0))
    assert times == pytest.approx(
        [0, 10 / 3, 20 / 3, 20, 20 + 5 / 3, 20 + 10 / 3, 25, 20 + 20 / 3, 20 + 25 / 3]
    )
    assert (load.seconds, load.requests) == (30, 9)


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ([], "found none"),
        ([(0, 1), (20, 1)], "every 10 s, found 20 s after 0 s"),
        ([(10, 1), (0, 1)], "every 10 s"),
        ([(0, 1), (0, 1)], "every 10 s"),
        ([(0, -1)], "at least 0"),
        ([(math.nan, 1)], "at least 0"),
        ([(0, math.inf)], "at least 0"),
        ([(0, 60_000)], "at most 5000"),
    ],
)
def test_a_trace_that_lies_about_time_is_refused(counts: list[tuple[float, float]], said: str) -> None:
    """Nothing, gaps, times that go back or stand still, counts below 0 or endless, more than can be sent."""
    with pytest.raises(ConfigError, match=said):
        trace(counts, 10)


@pytest.mark.parametrize(("rate", "end"), [(-1, 5), (5, -1), (5_001, 5), (5, 5_001), (math.nan, 5)])
def test_both_ends_of_a_ramp_are_bounded(rate: float, end: float) -> None:
    """As a rate is, but that either may be 0."""
    with pytest.raises(ConfigError, match="expected a rate"):
        Segment(rate, 1, end)
