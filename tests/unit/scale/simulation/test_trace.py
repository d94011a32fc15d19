"""Traces: what is read, and what is refused."""

from __future__ import annotations

import gzip
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from ekiben.errors import ConfigError
from ekiben.scale.simulation import families, trace


def test_a_trace_becomes_as_many_arrivals_as_it_counts(tmp_path: Path) -> None:
    """Each interval has its count, within its bounds; a heading is skipped."""
    file = tmp_path / "trace.csv"
    file.write_text("time,count\n100,3\n110,0\n120,5\n")
    made = trace.traffic(*trace.read(file), seed=1)
    assert np.histogram(made.times, bins=[0, 10, 20, 30])[0].tolist() == [3, 0, 5]
    assert made.seconds == 30
    assert (np.diff(made.times) >= 0).all()


_UTC_HOURS = [datetime(2026, 3, 28, 22, tzinfo=UTC) + timedelta(hours=number) for number in range(6)]


def _read(folder: Path, text: str | bytes) -> tuple[list[float], list[float]]:
    file = folder / "trace.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return trace.read(file)


def test_iso_times_are_read(tmp_path: Path) -> None:
    """Two rows a minute apart are steps of 60 s."""
    rows = "2026-03-01T00:00:00Z,60\n2026-03-01T00:01:00Z,120\n"
    assert trace.traffic(*_read(tmp_path, rows), seed=1).step_seconds == 60


@pytest.mark.parametrize(
    "text",
    [
        "100,3\n110,0\n120,5\n",
        "\ufeff100,3\n110,0\n120,5\n",
        "\ufefftime,count\r\n100,3\r\n110,0\r\n120,5\r\n",
        "Zeit;Anfragen\n100;3\n110;0\n120;5\n",
        "time\tcount\n100\t3\n110\t0\n120\t5\n",
        '"Time","http requests"\n"100","3"\n"110","0"\n"120","5"\n',
        "\n100, 3\n110, 0\n\n120, 5\n   \n\n",
    ],
)
def test_rows_are_read_however_a_program_writes_them(text: str, tmp_path: Path) -> None:
    """Byte order mark, ends of lines, separators, quotes, spaces, empty lines: no row is lost."""
    assert _read(tmp_path, text) == ([100, 110, 120], [3, 0, 5])


def test_times_without_a_zone_are_utc_wherever_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Six hours around a change of clocks in the machine's zone are six hours, as with their zone."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        bare = _read(tmp_path, "".join(f"{hour:%Y-%m-%d %H:%M:%S},1\n" for hour in _UTC_HOURS))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert bare[0] == [hour.timestamp() for hour in _UTC_HOURS]
    offsets = ("23:00+01:00", "00:00+01:00", "01:00+01:00", "03:00+02:00", "04:00+02:00", "05:00+02:00")
    days = ("28", "29", "29", "29", "29", "29")
    zoned = "".join(f"2026-03-{day}T{hour},1\n" for day, hour in zip(days, offsets, strict=True))
    assert _read(tmp_path, zoned) == bare


def test_times_may_be_off_by_a_hundredth_of_their_interval(tmp_path: Path) -> None:
    """As clocks of exporters are; the length of all rows is that of the file."""
    assert trace.traffic(*_read(tmp_path, "0,1\n60.4,1\n120,1\n179.6,1\n240,1\n"), 1).seconds == 5 * 60


def test_tenths_of_seconds_since_1970_are_even(tmp_path: Path) -> None:
    """A float64 of today's time is exact to 0.2 microseconds: 20,000 of them do not add up to a gap."""
    rows = "".join(f"{1_772_323_200 + number / 10:.1f},1\n" for number in range(20_000))
    assert trace.traffic(*_read(tmp_path, rows), 1).seconds == pytest.approx(2_000)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("0,1\n10,1\n30,1\n", "every 10 s, found 20 s from 10 to 30 in line 3"),
        ("t,n\n0,1\n180,1\n240,1\n300,1\n", "every 60 s, found 180 s from 0 to 180 in line 3"),
        ("time,count\n\n0,1\n10,1\n10,1\n", "ascending times, found 10 after 10 in line 5"),
        ("10,1\n0,1\n", "ascending"),
        ("1,1\n1,1\n2,1\n", "ascending"),
        ("-10,1\n0,1\n", "0 or more"),
        ("time,count\n0,1\n10,-1\n", "counts of 0 or more, found -1.0 in line 3"),
        ("0,1\n10,nan\n", "0 or more"),
        ("0,1\n", "two rows"),
        ("", "two rows"),
        ("time;count\n0;1,5\n10;2,5\n", "line 2 .* found '0;1,5'"),
        ("0,1\n10,many\n", "line 2"),
        ("0,1,2\n10,1,2\n", "line 1"),
        ("0,l00\n10,100\n20,100\n", "line 1 .* found '0,l00'"),
        ("O,100\n10,100\n20,100\n", "line 1 .* found 'O,100'"),
        (b"0,1\x00\n10,1\n20,1\n", "line 1"),
        ("1772323200000,1\n1772323260000,1\n", "1772323200000 in line 1 .* milliseconds"),
        ("date,count\n20260301,1\n20260302,1\n", "20260301 in line 2 .* a date without hyphens"),
        ("count,time\n10,100\n20,200\n", "expected the time before the count"),
        ("Time,requests/s\n0,1\n60,1\n", "a column of rates, 'requests/s', in line 1"),
        ("Time,sum(rate(http_requests_total[5m]))\n0,1\n60,1\n", "a column of rates"),
        ('{"status": "success", "data": {"resultType": "matrix"}}', "found JSON"),
        (f"0,1\n10,{'9' * 200_000}\n", "line 2 .* field larger"),
        ('0,1\n10,"' + "x" * 1000 + '"\n', "line 2 .*, found '10,x{57}[.]{3}'$"),
        (gzip.compress(b"0,1\n10,1\n", mtime=0), "UTF-8 .*0x8b at place 1"),
        ("time,count\n0,1\n10,1\n".encode("utf-16"), "UTF-8"),
    ],
)
def test_a_trace_that_cannot_be_is_refused(tmp_path: Path, rows: str | bytes, message: str) -> None:
    """Gaps, unsorted or negative times, other units, rates, what is no CSV: errors that say where."""
    with pytest.raises(ConfigError, match=message):
        trace.traffic(*_read(tmp_path, rows), seed=1)


@pytest.mark.parametrize(
    "name", ["time,count", "seconds,requests", "Time,increase(requests_total[1m])", ",n"]
)
def test_names_of_counts_are_skipped(name: str, tmp_path: Path) -> None:
    """Whatever a column is called that is neither a rate nor a time."""
    assert _read(tmp_path, f"{name}\n0,1\n10,2\n") == ([0, 10], [1, 2])


@pytest.mark.parametrize("counts", [[1e19, 1e19], [9e18, 9e18, 9e18], 4 * [2.0**62], [1e308, 1e308]])
def test_more_requests_than_64_bits_hold_are_too_many(counts: list[float]) -> None:
    """Two to the 64th of them are not none."""
    with pytest.raises(ConfigError, match="at most 50,000,000 requests"):
        trace.traffic([60.0 * number for number in range(len(counts))], counts, seed=1)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    """The message names it; so is a folder."""
    with pytest.raises(ConfigError, match=r"none\.csv, found: No such file"):
        trace.read(tmp_path / "none.csv")
    with pytest.raises(ConfigError, match="found: Is a directory"):
        trace.read(tmp_path)


@pytest.mark.parametrize("family", sorted(families.FAMILIES))
def test_families_are_seeded_and_stay_below_their_peak(family: str) -> None:
    """Same seed, same arrivals; no minute is far above the peak."""
    one, other = (families.traffic(family, 20.0, 7) for _ in range(2))
    assert np.array_equal(one.times, other.times)
    minutes = one.rates[: len(one.rates) // 60 * 60].reshape(-1, 60).mean(axis=1)
    assert 0 < minutes.max() <= 20.0 * 1.001
