"""Windows of the alerts, as data, and how they shrink for a test.

Source: multi-window, multi-burn-rate alerts, https://sre.google/workbook/alerting-on-slos/ (table 5-8:
14.4 x on 1 h and 5 min, 6 x on 6 h and 30 min, 1 x on 3 d and 6 h; a short window is a twelfth of the long
one). 3 x on 1 d and 2 h stands between the last two, as in sloth's `windows/google-30d.yaml`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ekiben.errors import ConfigError

Severity = Literal["page", "ticket"]
MINUTE, HOUR, DAY = 60, 3600, 86400
# What every rate is recorded over; the longer windows are sums of it.
BASE_SECONDS = 5 * MINUTE
# A rate over fewer is lost with one failed scrape.
LEAST_INTERVALS = 4
_UNITS = (("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", 1))


@dataclass(frozen=True, slots=True)
class Burn:
    """A speed at which the error budget is spent, and how it is seen.

    Attributes:
        rate: Error ratio over the budget (1 - objective); 1 spends a budget of 30 days in 30 days.
        long_seconds: Window in which the budget must have burnt so fast.
        short_seconds: Window in which it must still do so: the alert ends soon after its cause.
        severity: `page` wakes somebody, `ticket` waits for the morning.
    """

    rate: float
    long_seconds: int
    short_seconds: int
    severity: Severity


BURNS: tuple[Burn, ...] = (
    Burn(14.4, HOUR, 5 * MINUTE, "page"),
    Burn(6, 6 * HOUR, 30 * MINUTE, "page"),
    Burn(3, DAY, 2 * HOUR, "ticket"),
    Burn(1, 3 * DAY, 6 * HOUR, "ticket"),
)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast time passes for the alerts: 1 in service, 1/60 where faults are injected.

    Attributes:
        factor: Multiplies every window and every `for`, above 0.
        interval_seconds: Longest scrape or refresh interval of a source.

    Raises:
        ConfigError: One of them is not above 0.
    """

    factor: float = 1.0
    interval_seconds: int = 15

    def __post_init__(self) -> None:
        if not (self.factor > 0 and self.interval_seconds > 0):
            raise ConfigError(f"expected a factor and an interval above 0, found {self!r}")

    def window(self, seconds: float) -> int:
        """Scale a window, whole seconds; never below four intervals."""
        return max(round(seconds * self.factor), LEAST_INTERVALS * self.interval_seconds)

    @property
    def base(self) -> int:
        """Window of the recorded rates, seconds."""
        return self.window(BASE_SECONDS)

    @property
    def windows(self) -> tuple[int, ...]:
        """Every window of the burn rates, seconds, ascending, each once."""
        wanted = {self.window(each) for burn in BURNS for each in (burn.long_seconds, burn.short_seconds)}
        return tuple(sorted(wanted | {self.base}))


def written(seconds: int) -> str:
    """Write a time as Prometheus does: `5m`, `1h`, `1h12m`.

    Source: https://prometheus.io/docs/prometheus/latest/querying/basics/#time-durations
    """
    text = ""
    for unit, length in _UNITS:
        number, seconds = divmod(seconds, length)
        text += f"{number}{unit}" if number else ""
    return text or "0s"
