"""What load a number of replicas is for: pure arithmetic between CPU and requests."""

from __future__ import annotations

import math

from ekiben.errors import NoDataError


def rate_for(
    replicas: float, *, request_cores: float, target_percent: float, cpu_seconds_per_request: float
) -> float:
    """Rate at which the HPA wants as many replicas.

    The HPA wants ceil(total use / (request x target)); total use is rate x cost.

    Args:
        replicas: How many; fractions are fine.
        request_cores: CPU request of one replica, cores.
        target_percent: HPA target, % of the request.
        cpu_seconds_per_request: Measured cost of one request, CPU-seconds.

    Returns:
        Requests per second.

    Raises:
        NoDataError: The cost is not above 0.

    Source: https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/#algorithm-details
    """
    if cpu_seconds_per_request <= 0:
        raise NoDataError(
            f"expected a cost above 0 CPU-seconds per request, found {cpu_seconds_per_request:g}"
        )
    return replicas * request_cores * target_percent / 100 / cpu_seconds_per_request


def rows_for(seconds: float, *, one_row: float, many_rows: float, many: int, most: int) -> int:
    """Rows of a request that costs about as much CPU as wanted.

    A fast predictor answers one row in less time than a load generator takes to send it;
    requests of many rows let one core of load work several replicas.

    Args:
        seconds: CPU-seconds that one request should cost.
        one_row: Measured cost of a request of one row, CPU-seconds.
        many_rows: Measured cost of one of `many` rows.
        many: 2 and up.
        most: Most rows.

    Returns:
        1 to `most`; the cost is taken as linear in the rows.
    """
    per_row = max(0.0, many_rows - one_row) / (many - 1)
    if one_row >= seconds:
        return 1
    if per_row == 0:
        return most
    return max(1, min(most, math.ceil(1 + (seconds - one_row) / per_row)))
