"""What waits for the worker: an estimate by whole jobs, and who would come too late."""

from __future__ import annotations

import pytest

from ekiben.serving.backlog import Backlog


@pytest.fixture
def backlog() -> Backlog:
    """A backlog that learned: 100 rows took a tenth of a second, in 4,000 bytes."""
    found = Backlog(inline_rows=50, inline_bytes=10_000)
    found.add(100)
    found.done(100, 100, 0.1)
    found.decoded(4_000, 100)
    return found


def test_nothing_waits_before_anything_was_learned() -> None:
    """A pod that has answered nothing large refuses nothing by its estimate."""
    backlog = Backlog(50, 10_000)
    backlog.add(1_000_000)
    assert backlog.seconds() == 0
    assert backlog.too_long(0.001) == 0


def test_jobs_are_waited_for_by_their_rows(backlog: Backlog) -> None:
    """A millisecond a row: 300 rows under way and 200 more are half a second."""
    backlog.add(300)
    assert backlog.seconds(200) == pytest.approx(0.5)
    backlog.done(300, 300, 0.3)
    assert backlog.seconds() == 0


@pytest.mark.parametrize(("left", "wait"), [(0.99, 0.5), (1.01, 0.0)])
def test_half_of_the_time_left_may_be_waited(backlog: Backlog, left: float, wait: float) -> None:
    """Half a second of work is too much for whom a second is left, and not for whom more is."""
    backlog.add(500)
    assert backlog.too_long(left) == pytest.approx(wait)


def test_a_slower_worker_is_noticed(backlog: Backlog) -> None:
    """After fifty jobs at three times the time, the estimate is within 1 % of it."""
    for _ in range(50):
        backlog.add(10)
        backlog.done(10, 10, 0.03)
    backlog.add(1_000)
    assert backlog.seconds() == pytest.approx(3.0, rel=0.01)


def test_a_job_that_predicted_nothing_teaches_nothing(backlog: Backlog) -> None:
    """Refused and dropped jobs are quick and say nothing of the pace."""
    backlog.add(100)
    backlog.done(100, 0, 1e-6)
    backlog.add(1_000)
    assert backlog.seconds() == pytest.approx(1.0)


def test_bodies_are_sized_by_the_widest_rows_of_late(backlog: Backlog) -> None:
    """At 40 bytes a row, 50 rows are 2,000 bytes; wider rows count at once, narrower ones in time."""
    assert backlog.aside_bytes == pytest.approx(2_000)
    assert backlog.rows_in(8_000) == 200
    backlog.decoded(16_000, 100)
    assert backlog.aside_bytes == pytest.approx(8_000)
    for _ in range(500):
        backlog.decoded(4_000, 100)
    assert backlog.aside_bytes == pytest.approx(2_000)


def test_a_body_of_rows_without_end_goes_aside_by_its_bytes(backlog: Backlog) -> None:
    """However wide rows are, the longest body that is decoded on the loop stays the same."""
    backlog.decoded(1_000_000, 1)
    assert backlog.aside_bytes == 10_000
