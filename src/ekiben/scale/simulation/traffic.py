"""Traffic: when requests arrive, and the rate that they are drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ekiben.errors import ConfigError

Floats = NDArray[np.float64]

MAX_REQUESTS = 50_000_000  # 24 bytes each while a run lasts
_ALL_DIGITS_KNOWN = 1e15  # a float64 holds 15 decimal digits


def check_total(requests: float) -> None:
    """Refuse more requests than a run may have, before they are whole numbers of 64 bits.

    Raises:
        ConfigError: There are more.
    """
    if requests > MAX_REQUESTS:
        found = f"{requests:,.0f}" if requests < _ALL_DIGITS_KNOWN else f"{requests:.4g}"
        raise ConfigError(
            f"expected traffic of at most {MAX_REQUESTS:,} requests, found {found}",
            remedy="simulate a part of it, or scale rates and replicas down together",
        )


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """Arrivals of one run.

    Attributes:
        times: Seconds since the start, ascending, shape (n,).
        rates: Requests per second, one for each step of `step_seconds`.
        step_seconds: Length of a step.
    """

    times: Floats
    rates: Floats
    step_seconds: float = 1.0

    @property
    def seconds(self) -> float:
        """Length of the run."""
        return self.step_seconds * len(self.rates)

    @classmethod
    def drawn(cls, rates: Floats, generator: np.random.Generator, step_seconds: float = 1.0) -> Self:
        """Draw a Poisson process: many users who know nothing of each other.

        Args:
            rates: Requests per second of each step, 0 and up.
            generator: Same state, same times.
            step_seconds: Length of a step.
        """
        return cls.spread(generator.poisson(rates * step_seconds), rates, generator, step_seconds)

    @classmethod
    def spread(
        cls,
        counts: NDArray[np.int64],
        rates: Floats,
        generator: np.random.Generator,
        step_seconds: float = 1.0,
    ) -> Self:
        """Place a known number of requests in each step, at any time of it.

        Raises:
            ConfigError: More requests than a run may have.
        """
        total = int(counts.sum())
        check_total(total)
        begins = np.repeat(np.arange(len(counts)) * step_seconds, counts)
        times = np.sort(begins + generator.random(total) * step_seconds)
        return cls(times, np.asarray(rates, dtype=np.float64), step_seconds)

    def rate_at(self, seconds: float) -> float:
        """Requests per second at a time; the last step's beyond the end."""
        return float(self.rates[min(max(0, int(seconds / self.step_seconds)), len(self.rates) - 1)])
