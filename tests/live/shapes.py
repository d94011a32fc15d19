"""Load shapes, in targets of one replica: pure.

What is stated of them to the plan is the trough, the peak and the surge; `beyond` says where one is more.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence

from ekiben.scale.load.schedule import Load, Segment

# In target rates of one replica. Two carry the trough, four the peak: what a small node can hold.
TROUGH, PEAK = 1.2, 4.0
_QUIET_SECONDS = 60.0
_EDGE = 1e-6  # of a ratio: what floating point adds
Points = list[tuple[float, float, float]]  # rate at the begin, seconds, rate at the end; rates in targets


def _step(_surge: float, _chance: random.Random) -> Points:
    """Half as much again at once, twice; the second time all is ready that the first asked for."""
    return [(1.5, 60, 1.5), (2.25, 120, 2.25), (3.375, 90, 3.375), (1.5, 30, 1.5)]


def _surge(surge: float, _chance: random.Random) -> Points:
    """Exactly the stated surge, from the trough to the peak."""
    rise = (PEAK / TROUGH - 1) / surge
    return [(TROUGH, _QUIET_SECONDS, TROUGH), (TROUGH, rise, PEAK), (PEAK, 60, PEAK), (PEAK, 40, TROUGH)]


def _ramp(surge: float, _chance: random.Random) -> Points:
    """Half as steep, and not up to the peak."""
    top = 0.75 * PEAK
    rise = (top / TROUGH - 1) / (surge / 2)
    return [(TROUGH, 30, TROUGH), (TROUGH, rise, top), (top, 30, top), (top, 60, TROUGH)]


def _bursty(surge: float, chance: random.Random) -> Points:
    """Bursts of random height, as steep as the stated surge, and calm between them."""
    low, points = 1.3, [(1.3, 30.0, 1.3)]
    while sum(each[1] for each in points) < 210:
        high = low * chance.uniform(1.5, 2.0)
        points += [
            (low, (high / low - 1) / surge, high),
            (high, chance.uniform(20, 40), high),
            (high, 10.0, low),
            (low, chance.uniform(15, 30), low),
        ]
    return points


SHAPES: Mapping[str, Callable[[float, random.Random], Points]] = {
    "step": _step,
    "surge": _surge,
    "ramp": _ramp,
    "bursty": _bursty,
}


def load(name: str, unit_rate: float, surge_per_second: float, seed: int, stretch: float = 1.0) -> Load:
    """One shape as a load.

    Args:
        name: A key of `SHAPES`.
        unit_rate: Target of one replica, requests/s.
        surge_per_second: Growth that was stated, as a share of the rate per second.
        seed: Of the bursts.
        stretch: Length over that of the full shape; below 1 it is steeper.
    """
    chance = random.Random(f"{seed} {name}")  # noqa: S311 - a shape, not a secret
    segments = tuple(
        Segment(unit_rate * begin, seconds * stretch, None if begin == end else unit_rate * end)
        for begin, seconds, end in SHAPES[name](surge_per_second, chance)
    )
    return Load(segments, "poisson")


def segments(given: Load) -> list[list[float]]:
    """A load as numbers: rate at the begin, seconds, rate at the end."""
    return [
        [each.rate, each.seconds, each.rate if each.end_rate is None else each.end_rate]
        for each in given.segments
    ]


def of_segments(numbers: Sequence[Sequence[float]]) -> Load:
    """The load of such numbers."""
    made = (Segment(begin, seconds, None if begin == end else end) for begin, seconds, end in numbers)
    return Load(tuple(made), "poisson")


def rates(given: Load) -> list[float]:
    """Requests per second in the middle of each second."""
    return [given.rate_at(second + 0.5) for second in range(int(given.seconds + 1 - 1e-9))]


def growth_ratio(given: Load, within_seconds: float) -> float:
    """Largest growth within a time, as a ratio of the rates at its ends; 1 where it never grows."""
    every = rates(given)
    reach = int(within_seconds)
    return max(max(every[at : at + reach + 1]) / rate for at, rate in enumerate(every) if rate > 0)


def beyond(given: Load, *, peak_rate: float, surge_per_second: float, lag_seconds: float) -> Iterator[str]:
    """Say where a load is more than was stated: above the peak, or growing more within the lag than a surge.

    Args:
        given: The load.
        peak_rate: Stated, requests/s.
        surge_per_second: Stated, share of the rate per second.
        lag_seconds: From more load to replicas that take their share, seconds.
    """
    if (most := max(rates(given))) > peak_rate * (1 + _EDGE):
        yield f"{most:.0f} requests/s are above the stated peak of {peak_rate:.0f}"
    allowed, found = 1 + surge_per_second * lag_seconds, growth_ratio(given, lag_seconds)
    if found > allowed * (1 + _EDGE):
        yield f"grows by {found:.2f} within {lag_seconds:.0f} s, stated is {allowed:.2f}"
