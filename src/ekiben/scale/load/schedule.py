"""When requests are meant to be sent: pure, drawn before the load starts.

The times do not depend on how the service answers (open loop); a service that
stalls is therefore met by the requests that would have come, not by silence.
"""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

from ekiben.errors import ConfigError

if TYPE_CHECKING:
    from ekiben import config

Arrivals = Literal["constant", "poisson"]

MAX_RATE = 5_000.0  # requests/s; measured to leave on time: lag p99 0.1 ms, 71 us of CPU each
MAX_SECONDS = 86_400.0
MAX_REQUESTS = 2_000_000  # 40 bytes of records each


def _bounded(value: float, name: str, unit: str, most: float) -> None:
    if not (math.isfinite(value) and 0 < value <= most):
        raise ConfigError(f"expected {name} above 0 and at most {most:g} {unit}, found {value!r}")


@dataclass(frozen=True, slots=True)
class Segment:
    """A rate that is held, or goes evenly to another one.

    Attributes:
        rate: Mean requests per second, above 0; 0 in a ramp from or to nothing, or in a trace.
        seconds: How long, seconds.
        end_rate: Rate at the end, requests per second; None holds `rate`.
    """

    rate: float
    seconds: float
    end_rate: float | None = None

    def __post_init__(self) -> None:
        for rate in (self.rate, self._end):
            if not (rate == 0 and self.end_rate is not None):
                _bounded(rate, "a rate", "requests/s", MAX_RATE)
        _bounded(self.seconds, "a duration", "s", MAX_SECONDS)

    @property
    def requests(self) -> float:
        """Expected number of requests."""
        return (self.rate + self._end) / 2 * self.seconds

    @property
    def _end(self) -> float:
        return self.rate if self.end_rate is None else self.end_rate

    def rate_at(self, seconds: float) -> float:
        """Mean requests per second at a time since its start."""
        return self.rate + (self._end - self.rate) * seconds / self.seconds

    def time_of(self, requests: float) -> float:
        """Time since its start at which so many requests are expected: where unit gaps fall.

        Args:
            requests: 0 to `requests`.

        Source: a Poisson process of changing rate is one of rate 1 in the time of its expected number,
        E. Cinlar, "Introduction to Stochastic Processes", 1975, chapter 4.7.
        """
        if requests == 0:
            return 0.0
        steepness = (self._end - self.rate) / self.seconds
        if steepness == 0:
            return requests / self.rate  # of none, nothing is asked
        root = math.sqrt(max(0.0, self.rate * self.rate + 2 * steepness * requests))
        return 2 * requests / (self.rate + root)


@dataclass(frozen=True, slots=True)
class Load:
    """The shape of a load: segments, one after the other.

    Attributes:
        segments: At least one.
        arrivals: `poisson` draws independent gaps (many users who know nothing of each
            other); `constant` spaces requests evenly.

    Raises:
        ConfigError: No segment, or longer or more than a load may be.
    """

    segments: tuple[Segment, ...]
    arrivals: Arrivals = "poisson"

    def __post_init__(self) -> None:
        if not self.segments:
            raise ConfigError("expected a load of at least one segment, found none")
        if self.arrivals not in ("constant", "poisson"):
            raise ConfigError(f"expected arrivals 'constant' or 'poisson', found {self.arrivals!r}")
        _bounded(self.seconds, "the length of the whole load", "s", MAX_SECONDS)
        if self.requests > MAX_REQUESTS:
            raise ConfigError(
                f"expected a load of at most {MAX_REQUESTS:,} requests, found {self.requests:,.0f}",
                remedy="lower the rate or the duration, or measure in parts",
            )

    @classmethod
    def of(cls, settings: config.Load) -> Self:
        """Take the load of `ekiben.yaml` (`scale.load`)."""
        return cls((Segment(settings.rate, settings.duration_seconds),), settings.arrivals)

    @property
    def seconds(self) -> float:
        """Length, seconds."""
        return sum(segment.seconds for segment in self.segments)

    @property
    def requests(self) -> float:
        """Expected number of requests."""
        return sum(segment.requests for segment in self.segments)

    def rate_at(self, seconds: float) -> float:
        """Mean requests per second at a time since the start; 0 outside of the load."""
        end = 0.0
        for segment in self.segments:
            if end <= seconds < end + segment.seconds:
                return segment.rate_at(seconds - end)
            end += segment.seconds
        return 0.0


def trace(counts: Iterable[tuple[float, float]], seconds: float, *, arrivals: Arrivals = "poisson") -> Load:
    """Make a load of counted requests.

    Args:
        counts: (time, requests): from each time on, for `seconds`, so many requests; the first time is the
            start of the load.
        seconds: Length of each count, seconds.
        arrivals: How requests are spaced within a count.

    Raises:
        ConfigError: No count, a negative one, times that do not ascend or leave a gap, or a load that is
            longer or more than one may be.
    """
    _bounded(seconds, "the length of a count", "s", MAX_SECONDS)
    segments: list[Segment] = []
    before: float | None = None
    for time, count in counts:
        if not (math.isfinite(time) and math.isfinite(count)) or count < 0:
            raise ConfigError(f"expected a time and a count of at least 0, found {time!r}, {count!r}")
        if before is not None and not math.isclose(time - before, seconds, rel_tol=1e-6):
            raise ConfigError(
                f"expected counts every {seconds:g} s, found {time:g} s after {before:g} s",
                remedy="sort the trace, and count missing times as 0 where there were no requests",
            )
        before = time
        rate = count / seconds
        segments.append(Segment(rate, seconds) if rate > 0 else Segment(0.0, seconds, 0.0))
    return Load(tuple(segments), arrivals)


def intended_times(load: Load, seed: int) -> array[float]:
    """Draw the times at which requests are to be sent.

    Args:
        load: The shape.
        seed: Same seed, same times.

    Returns:
        Seconds since the start, ascending, each below `load.seconds`.
    """
    generator = random.Random(seed)  # noqa: S311  # a schedule, not a secret
    times: array[float] = array("d")
    begin = 0.0
    for segment in load.segments:
        end = begin + segment.seconds
        if load.arrivals == "constant":
            # The small slack keeps 0.1 s at 10/s one request when the product rounds up.
            count = math.ceil(segment.requests - 1e-9)
            times.extend(begin + segment.time_of(number) for number in range(count))
        else:
            number = generator.expovariate(1.0)
            while number < segment.requests:
                times.append(min(begin + segment.time_of(number), math.nextafter(end, 0.0)))
                number += generator.expovariate(1.0)
        begin = end
    return times
