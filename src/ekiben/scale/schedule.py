"""When requests are meant to be sent: pure, drawn before the load starts.

The times do not depend on how the service answers (open loop); a service that
stalls is therefore met by the requests that would have come, not by silence.
"""

from __future__ import annotations

import math
import random
from array import array
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
    """A rate, held for some time.

    Attributes:
        rate: Mean requests per second, above 0.
        seconds: How long, seconds.
    """

    rate: float
    seconds: float

    def __post_init__(self) -> None:
        _bounded(self.rate, "a rate", "requests/s", MAX_RATE)
        _bounded(self.seconds, "a duration", "s", MAX_SECONDS)


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
        return sum(segment.rate * segment.seconds for segment in self.segments)

    def rate_at(self, seconds: float) -> float:
        """Mean requests per second at a time since the start; 0 outside of the load."""
        end = 0.0
        for segment in self.segments:
            if end <= seconds < end + segment.seconds:
                return segment.rate
            end += segment.seconds
        return 0.0


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
            count = math.ceil(segment.rate * segment.seconds - 1e-9)
            times.extend(begin + number / segment.rate for number in range(count))
        else:
            time = begin + generator.expovariate(segment.rate)
            while time < end:
                times.append(time)
                time += generator.expovariate(segment.rate)
        begin = end
    return times
