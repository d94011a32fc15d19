"""From CPU to requests."""

from __future__ import annotations

import math

import pytest

from ekiben.errors import NoDataError
from ekiben.scale.load.need import rate_for, rows_for


def test_the_hpa_wants_as_many_replicas_at_that_rate() -> None:
    """Kubernetes' own formula, applied to the load, gives the number back."""
    rate = rate_for(4, request_cores=0.12, target_percent=60, cpu_seconds_per_request=0.006)
    utilization_percent_of_one = rate * 0.006 / 0.12 * 100
    assert math.ceil(round(1 * utilization_percent_of_one / 60, 9)) == 4


def test_a_request_that_costs_nothing_is_no_measurement() -> None:
    """A cost of 0 gives no rate but an error."""
    with pytest.raises(NoDataError):
        rate_for(4, request_cores=0.1, target_percent=60, cpu_seconds_per_request=0)


@pytest.mark.parametrize(
    ("one", "many", "rows"),
    [(0.005, 0.006, 1), (0.0001, 0.0011, 801), (0.0001, 0.0001, 4_000), (0.0001, 0.00011, 4_000)],
)
def test_rows_that_make_a_request_worth_sending(one: float, many: float, rows: int) -> None:
    """With 0.1 ms and 0.01 ms for each further row, 8.1 ms are 801 rows; never fewer than 1, or too many."""
    assert (
        rows_for(0.0081 if one < 0.005 else 0.004, one_row=one, many_rows=many, many=101, most=4_000) == rows
    )
