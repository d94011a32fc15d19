"""What one replica is: workers that share a queue, how long a request takes, how long a start takes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ekiben.errors import ConfigError
from ekiben.scale.simulation.traffic import Floats


def _draw(mean: float, variation: float, generator: np.random.Generator, count: int) -> Floats:
    """Gamma times: constant at a variation of 0, exponential at 1."""
    if variation == 0:
        return np.full(count, mean)
    shape = 1 / variation**2
    return generator.gamma(shape, mean / shape, count)


@dataclass(frozen=True, slots=True)
class Service:
    """The work of a request on one replica.

    Attributes:
        workers: Requests that a replica works on at once, each at full speed, from one queue: 1 and up.
        mean_seconds: CPU-seconds per request, above 0.
        variation: Coefficient of variation, 0 to 3: 0 constant, 1 exponential.

    Raises:
        ConfigError: Outside of these.
    """

    workers: int
    mean_seconds: float
    variation: float = 0.5

    def __post_init__(self) -> None:
        if self.workers < 1 or not 0 < self.mean_seconds < math.inf or not 0 <= self.variation <= 3:  # noqa: PLR2004
            raise ConfigError(
                "expected 1 worker or more, a service time above 0 s and a variation of 0 to 3, "
                f"found {self.workers}, {self.mean_seconds!r} and {self.variation!r}"
            )

    @property
    def most_rate(self) -> float:
        """Requests per second at which every worker is always busy."""
        return self.workers / self.mean_seconds

    def draw(self, generator: np.random.Generator, count: int) -> Floats:
        """Service times of so many requests, seconds."""
        return _draw(self.mean_seconds, self.variation, generator, count)


@dataclass(frozen=True, slots=True)
class Start:
    """From the decision to a replica that is ready.

    Attributes:
        seconds: Mean; scheduling, image, process, warm-up and probe together.
        variation: Coefficient of variation.
        endpoint_seconds: From a change of readiness, or a deletion, until the balancer acts on it.
        cores: CPU that a starting replica burns.

    Raises:
        ConfigError: A time that is below 0 or never over.
    """

    seconds: float = 12.0
    variation: float = 0.1
    endpoint_seconds: float = 1.0
    cores: float = 1.0

    def __post_init__(self) -> None:
        if not (0 <= self.seconds < math.inf and 0 <= self.endpoint_seconds < math.inf):
            raise ConfigError(
                "expected a start and its endpoints to take 0 s or more, "
                f"found {self.seconds!r} and {self.endpoint_seconds!r}"
            )

    def draw(self, generator: np.random.Generator) -> float:
        """One start, seconds."""
        return float(_draw(self.seconds, self.variation, generator, 1)[0])
