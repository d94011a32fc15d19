"""Medians, spreads and ratios, beside numbers worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest
from benchmarks.plan import Cell
from benchmarks.summary import Results, Summary, growth_bytes

CELL = Cell("iris", 1, 16)


def rate(arm: str, repeat: int, value: float, **more: Any) -> dict[str, Any]:
    of = {"experiment": "matrix", "model": "iris", "rows": 1, "connections": 16}
    return {**of, "arm": arm, "repeat": repeat, "requests_per_second": value, **more}


def test_a_summary_is_median_and_extremes() -> None:
    """Four repeats: the median lies between the middle two."""
    assert Summary.of([4.0, 1.0, 2.0, 3.0]) == Summary(2.5, 1.0, 4.0, 4)
    assert Summary(2.5, 1.0, 4.0, 4).spread_ratio == pytest.approx(1.2)
    assert Summary.of([]) is None


def test_ratios_are_taken_within_a_block() -> None:
    """A machine that halves its speed after the first repeat changes no ratio."""
    records = [rate("a", 0, 100), rate("b", 0, 10), rate("a", 1, 50), rate("b", 1, 5), rate("a", 2, 1e6)]
    found = Results.of(records).ratio("matrix", "a", "b", CELL)
    assert found == Summary(10.0, 10.0, 10.0, 2)  # the third repeat has no partner


def test_differences_are_taken_within_a_block() -> None:
    """The cost of something is what it adds in the same minute."""
    records = [rate("a", 0, 7), rate("b", 0, 5), rate("a", 1, 107), rate("b", 1, 105)]
    assert Results.of(records).difference("matrix", "a", "b", CELL, "requests_per_second") == Summary(
        2.0, 2.0, 2.0, 2
    )


def test_what_failed_has_no_figure() -> None:
    """A failure is not a figure of zero."""
    records = [rate("a", 0, 5), {**rate("a", 1, 0), "failure": "3 of 9 requests failed"}]
    assert Results.of(records).summary("matrix", "a", CELL) == Summary(5.0, 5.0, 5.0, 1)
    assert Results.of(records).summary("matrix", "b", CELL) is None


def test_growth_is_from_the_second_minute_to_the_last() -> None:
    """Memory that rises by 3 a minute for ten minutes grows by 24 between the middles of these two."""
    samples = [at * 3 * 20 // 60 for at in range(30)]  # one sample every 20 s: +1 each
    assert growth_bytes(samples, 20) == 24
    with pytest.raises(ValueError, match="expected three minutes"):
        growth_bytes(samples[:8], 20)
