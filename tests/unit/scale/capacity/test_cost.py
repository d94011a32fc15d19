"""What a request costs."""

from __future__ import annotations

import pytest
from tests.unit.scale.capacity.queues import exact_step

from ekiben.errors import NoDataError
from ekiben.scale.capacity.cost import cost


def test_the_idle_use_is_told_from_the_requests() -> None:
    """Steps on the line 0.02 + 3 ms x rate give both back, with an interval around the slope."""
    steps = [exact_step(rate, cpu_cores=0.02 + 0.003 * rate) for rate in (20, 40, 80, 120)]
    found = cost([*steps, exact_step(60)])  # one without a reading
    assert found.cpu_seconds == pytest.approx(0.003)
    assert found.idle_cores == pytest.approx(0.02)
    assert found.interval is not None
    assert found.interval[0] <= 0.003 <= found.interval[1]


def test_two_steps_have_no_interval() -> None:
    """Two points are always on a line: its error is unknown, and said to be."""
    found = cost([exact_step(20, cpu_cores=0.1), exact_step(40, cpu_cores=0.2)])
    assert found.cpu_seconds == pytest.approx(0.005)
    assert found.idle_cores == pytest.approx(0, abs=1e-12)
    assert found.interval is None


def test_a_line_below_zero_is_an_idle_use_of_zero() -> None:
    """A negative intercept is noise."""
    assert cost([exact_step(20, cpu_cores=0.05), exact_step(40, cpu_cores=0.2)]).idle_cores == 0


@pytest.mark.parametrize("cores", [(0.1, None), (0.1, 0.1), (0.2, 0.1)])
def test_a_cost_that_cannot_be_told_is_an_error(cores: tuple[float, float | None]) -> None:
    """One reading, or CPU time that does not grow with the rate."""
    with pytest.raises(NoDataError, match="expected CPU time"):
        cost([exact_step(20, cpu_cores=cores[0]), exact_step(40, cpu_cores=cores[1])])
