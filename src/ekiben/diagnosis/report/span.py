"""The time that a report is about: from what people type, and how finely it is read. Pure.

Source: `$__rate_interval` is the larger of step + scrape interval and four scrape intervals,
https://grafana.com/docs/grafana/v11.6/datasources/prometheus/template-variables/.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from ekiben.errors import ConfigError
from ekiben.observe.windows import DAY, HOUR, LEAST_INTERVALS, MINUTE

DEFAULT_SINCE = "1h"
LEAST_SECONDS, MOST_SECONDS = MINUTE, 31 * DAY
MOST_POINTS = 240  # of one line: a panel is about twice as many pixels wide
_UNITS = {"s": 1, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_STEPS = tuple(
    number * unit
    for unit, numbers in (
        (1, (1, 2, 5, 10, 15, 20, 30)),
        (MINUTE, (1, 2, 5, 10, 15, 20, 30)),
        (HOUR, (1, 2, 4)),
    )
    for number in numbers
)
_DURATION = re.compile(r"(?:\d+[smhdw])+")
_PART = re.compile(r"(\d+)([smhdw])")


@dataclass(frozen=True, slots=True)
class Span:
    """A time, and how finely it is read.

    Attributes:
        begin: Seconds since the epoch.
        end: Seconds since the epoch, after `begin`.
        scrape_seconds: Longest time between two samples of a series, seconds.
    """

    begin: float
    end: float
    scrape_seconds: int

    @property
    def step_seconds(self) -> int:
        """Distance of the points, whole seconds: no finer than what is scraped, at most 240 of them."""
        least = max(self.scrape_seconds, (self.end - self.begin) / MOST_POINTS)
        return next(step for step in _STEPS if step >= least)

    @property
    def window_seconds(self) -> int:
        """What `$__rate_interval` stands for, whole seconds: no sample falls between two windows."""
        return max(self.step_seconds + self.scrape_seconds, LEAST_INTERVALS * self.scrape_seconds)

    @property
    def first(self) -> float:
        """The first point: a multiple of the step, so that two reports of one time agree."""
        return math.ceil(self.begin / self.step_seconds) * self.step_seconds

    def clock(self, time: float) -> str:
        """Write a moment of it, UTC: with the date where the time of day may mean two."""
        at = datetime.fromtimestamp(time, UTC)
        day = f"{at:%b} {at.day} " if self.end - self.begin > DAY else ""
        return f"{day}{at:%H:%M:%S}"


def ends(since: str | None, begin: str | None, end: str | None, now: float) -> tuple[float, float]:
    """Read the ends of a time.

    Args:
        since: Its length, such as `90m`, before `end`; None is an hour unless `begin` is given.
        begin: As `moment` reads it.
        end: As `moment` reads it; None is now.
        now: Seconds since the epoch.

    Returns:
        Both ends, seconds since the epoch.

    Raises:
        ConfigError: It cannot be read, is given twice, shorter than a minute, or longer than 31 days.
    """
    if since is not None and begin is not None:
        raise ConfigError("expected --since or --from, found both", remedy="leave one of them out")
    finish = now if end is None else moment(end, now, "--to")
    if begin is not None:
        start = moment(begin, now, "--from")
    else:
        start = finish - _length(since or DEFAULT_SINCE, "--since")
    if not LEAST_SECONDS <= finish - start <= MOST_SECONDS:
        raise ConfigError(
            f"expected a time of 1 minute to 31 days, found {_seconds(finish - start)}",
            remedy="--from is before --to; a board in Grafana shows longer times",
        )
    return start, finish


def moment(text: str, now: float, flag: str) -> float:
    """Read one moment.

    Args:
        text: `now`, a time ago such as `90m`, or ISO 8601; UTC where it names no zone.
        now: Seconds since the epoch.
        flag: Whose value it is, for the message.

    Returns:
        Seconds since the epoch.

    Raises:
        ConfigError: It is none.
    """
    if text == "now":
        return now
    if _DURATION.fullmatch(text):
        return now - _length(text, flag)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"expected {flag} as 2026-01-31T12:00, a time ago such as 90m, or now, found {text!r}"
        ) from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _length(text: str, flag: str) -> float:
    if not _DURATION.fullmatch(text):
        raise ConfigError(f"expected {flag} as a time such as 30m, 6h or 1d12h, found {text!r}")
    return float(sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(text)))


def _seconds(value: float) -> str:
    return f"{value:.0f} s"
