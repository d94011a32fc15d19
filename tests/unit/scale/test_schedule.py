"""Intended send times."""

from __future__ import annotations

import itertools
import math

import pytest

from ekiben import config
from ekiben.errors import ConfigError
from ekiben.scale.schedule import Load, Segment, intended_times


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
