"""Traces: what is read, and what is refused."""

from __future__ import annotations

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


def test_iso_times_are_read(tmp_path: Path) -> None:
    """Two rows a minute apart are steps of 60 s."""
    file = tmp_path / "trace.csv"
    file.write_text("2026-03-01T00:00:00Z,60\n2026-03-01T00:01:00Z,120\n")
    assert trace.traffic(*trace.read(file), seed=1).step_seconds == 60


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("0,1\n10,1\n30,1\n", "gap before 30"),
        ("0,1\n10,1\n10,1\n", "ascending"),
        ("10,1\n0,1\n", "ascending"),
        ("-10,1\n0,1\n", "0 or more"),
        ("0,1\n10,-1\n", "0 or more"),
        ("0,1\n10,nan\n", "0 or more"),
        ("0,1\n", "two rows"),
        ("", "two rows"),
        ("0,1\n10,many\n", "line 2"),
        ("0,1,2\n10,1,2\n", "line 1"),
    ],
)
def test_a_trace_that_cannot_be_is_refused(tmp_path: Path, rows: str, message: str) -> None:
    """Gaps, negative or unsorted times and counts that are none are errors that say where."""
    file = tmp_path / "trace.csv"
    file.write_text(rows)
    with pytest.raises(ConfigError, match=message):
        trace.traffic(*trace.read(file), seed=1)


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    """The message names it."""
    with pytest.raises(ConfigError, match=r"none\.csv"):
        trace.read(tmp_path / "none.csv")


@pytest.mark.parametrize("family", sorted(families.FAMILIES))
def test_families_are_seeded_and_stay_below_their_peak(family: str) -> None:
    """Same seed, same arrivals; no minute is far above the peak."""
    one, other = (families.traffic(family, 20.0, 7) for _ in range(2))
    assert np.array_equal(one.times, other.times)
    minutes = one.rates[: len(one.rates) // 60 * 60].reshape(-1, 60).mean(axis=1)
    assert 0 < minutes.max() <= 20.0 * 1.001
