"""What load a number of replicas is for: pure arithmetic between CPU and requests."""

from __future__ import annotations

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
