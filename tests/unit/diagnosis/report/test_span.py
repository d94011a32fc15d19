"""The time of a report."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekiben.diagnosis.report import span
from ekiben.diagnosis.report.span import Span
from ekiben.errors import ConfigError

NOON = 1_767_268_800.0  # 2026-01-01 12:00:00 UTC, by `date -u -d @1767268800`


@pytest.mark.parametrize(
    ("since", "begin", "end", "expected"),
    [
        (None, None, None, (NOON - 3600, NOON)),
        ("90m", None, None, (NOON - 5400, NOON)),
        ("1d12h", None, "1h", (NOON - 3600 - 129_600, NOON - 3600)),
        (None, "2026-01-01T10:30", None, (NOON - 5400, NOON)),
        (None, "2026-01-01T10:30+01:00", "2026-01-01 11:00:00Z", (NOON - 9000, NOON - 3600)),
        (None, "2h", "now", (NOON - 7200, NOON)),
    ],
)
def test_ends_are_read_as_people_type_them(
    since: str | None, begin: str | None, end: str | None, expected: tuple[float, float]
) -> None:
    """An hour without anything; a length before the end; moments in UTC, in a zone, or ago."""
    assert span.ends(since, begin, end, NOON) == expected


@pytest.mark.parametrize(
    ("since", "begin", "end", "said"),
    [
        ("1h", "2h", None, "found both"),
        ("an hour", None, None, "--since"),
        (None, "yesterday", None, "--from"),
        (None, None, "13:00", "--to"),
        (None, "1h", "2h", "1 minute to 31 days"),
        ("59s", None, None, "1 minute to 31 days"),
        ("32d", None, None, "1 minute to 31 days"),
    ],
)
def test_times_that_say_nothing_are_refused(
    since: str | None, begin: str | None, end: str | None, said: str
) -> None:
    """Given twice, unreadable, ended before it began, too short or too long."""
    with pytest.raises(ConfigError, match=said):
        span.ends(since, begin, end, NOON)


@given(length=st.integers(60, 31 * 86_400), scrape=st.integers(1, 120), begin=st.integers(0, 2_000_000_000))
def test_no_sample_falls_between_two_windows(length: int, scrape: int, begin: int) -> None:
    """At most 240 points, all within; windows overlap by a scrape and hold four: Grafana's own rule."""
    found = Span(float(begin), float(begin + length), scrape)
    step, window = found.step_seconds, found.window_seconds
    assert step >= scrape
    assert length / step <= 240
    assert window >= 4 * scrape
    assert window >= step + scrape
    assert found.begin <= found.first < found.begin + step
    assert found.first % step == 0


def test_an_hour_at_15_seconds_is_read_as_grafana_reads_it() -> None:
    """240 points 15 s apart, over a minute each; a day at 30 s: 6 min, which 20 divides no hour by, so 10."""
    hour, day = Span(0, 3600, 15), Span(0, 86_400, 30)
    assert (hour.step_seconds, hour.window_seconds) == (15, 60)
    assert (day.step_seconds, day.window_seconds) == (600, 630)


def test_a_long_time_says_the_day() -> None:
    """A time of day would mean two moments of it."""
    assert Span(NOON - 3600, NOON, 15).clock(NOON) == "12:00:00"
    assert Span(NOON - 2 * 86_400, NOON, 15).clock(NOON) == "Jan 1 12:00:00"
