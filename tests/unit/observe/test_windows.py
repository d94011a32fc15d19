"""Windows, and how they shrink."""

from __future__ import annotations

import pytest

from ekiben.errors import ConfigError
from ekiben.observe import windows
from ekiben.observe.windows import BURNS, Pace


def test_the_windows_are_the_workbooks() -> None:
    """Burn rates, windows and severities as published, in seconds."""
    assert [(b.rate, b.long_seconds, b.short_seconds, b.severity) for b in BURNS] == [
        (14.4, 3_600, 300, "page"),
        (6, 21_600, 1_800, "page"),
        (3, 86_400, 7_200, "ticket"),
        (1, 259_200, 21_600, "ticket"),
    ]


def test_a_short_window_is_a_twelfth_of_the_long_one() -> None:
    """The workbook's own rule."""
    assert {burn.long_seconds / burn.short_seconds for burn in BURNS} == {12}


def test_one_factor_scales_every_window_down_to_four_intervals() -> None:
    """At 1/60 and scrapes of 5 s: 5 min and 30 min would be shorter than four scrapes take, 1 h is 60 s."""
    pace = Pace(1 / 60, 5)
    assert [pace.window(each) for each in (300, 1_800, 3_600, 86_400, 259_200)] == [20, 30, 60, 1_440, 4_320]
    assert Pace(1 / 60, 15).window(300) == 60
    assert Pace().window(300) == 300


def test_windows_that_shrink_to_one_are_recorded_once() -> None:
    """Two windows of one length are one series."""
    assert Pace(1 / 60, 15).windows == (60, 120, 360, 1_440, 4_320)
    assert Pace().windows == (300, 1_800, 3_600, 7_200, 21_600, 86_400, 259_200)


@pytest.mark.parametrize(("factor", "interval"), [(0, 15), (-1, 15), (1, 0), (float("nan"), 15)])
def test_a_pace_is_above_zero(factor: float, interval: int) -> None:
    """Nothing else has a length."""
    with pytest.raises(ConfigError):
        Pace(factor, interval)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (300, "5m"), (3_600, "1h"), (4_320, "1h12m"), (259_200, "3d"), (90, "1m30s")],
)
def test_times_are_written_as_prometheus_reads_them(seconds: int, text: str) -> None:
    """Largest unit first, none that is 0."""
    assert windows.written(seconds) == text
