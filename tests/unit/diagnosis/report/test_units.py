"""Numbers as a report writes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekiben.diagnosis.report import units
from ekiben.observe.boards.board import UNITS


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.000_25, "seconds", "250 µs"), (0.0184, "seconds", "18.4 ms"), (0.25, "seconds", "250 ms"),
        (1.5, "seconds", "1.5 s"), (90, "seconds", "90 s"), (720, "seconds", "12 min"),
        (9000, "seconds", "2.5 h"),
        (0.005, "ratio", "0.5 %"), (1, "ratio", "100 %"),
        (512 * 1024**2, "bytes", "512 MiB"), (1.5 * 1024**3, "bytes", "1.5 GiB"), (100, "bytes", "100 B"),
        (0.25, "cores", "250m"), (2.5, "cores", "2.5 cores"),
        (36.04, "requests", "36/s"), (28_124.8, "per second", "28.1k/s"), (0, "requests", "0/s"),
        (4, "count", "4"), (14.4, "times", "14.4"), (0.9667, "times", "0.967"), (1234, "count", "1,234"),
    ],
)  # fmt: skip
def test_numbers_have_their_unit(value: float, unit: str, text: str) -> None:
    """As large as they are: milliseconds, MiB, millicores, percent."""
    assert units.text(value, unit) == text


@given(unit=st.sampled_from(sorted(UNITS)), value=st.floats(-1e9, 1e9))
def test_no_number_has_an_exponent(unit: str, value: float) -> None:
    """Whatever its size: people read it."""
    assert "e" not in units.number(value * units.written(unit, value).factor)
