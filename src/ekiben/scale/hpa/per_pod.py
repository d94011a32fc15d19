"""Metrics that pods report one by one: Resource, ContainerResource and Pods."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ekiben.errors import NoDataError
from ekiben.scale.hpa.machine import ceil32, quotient, wrapped64
from ekiben.scale.hpa.metric import Metric, PerPod, Proposal
from ekiben.scale.hpa.pods import Groups, Pod, ReadinessWindows, grouped
from ekiben.scale.hpa.requests import requests_of
from ekiben.scale.hpa.tolerance import Tolerances
from ekiben.scale.hpa.usage import Usage, average, utilization

_WHOLE_PERCENT = 100

_Measure = Callable[[Mapping[str, int]], Usage]
_IfMissing = Callable[[str], int]


def replicas_for(
    metric: Metric,
    readings: PerPod,
    pods: Sequence[Pod],
    current_replicas: int,
    tolerances: Tolerances,
    windows: ReadinessWindows,
    now_seconds: float,
) -> Proposal:
    """Replicas that bring the pods' use to the target.

    Args:
        metric: Of a kind that pods report.
        readings: By pod's name; may hold pods that are gone.
        pods: All that the selector finds.
        current_replicas: As in the scale's spec; kept where the change would be too small.
        tolerances: Of this HPA.
        windows: Believed for CPU only.
        now_seconds: The controller's clock.

    Raises:
        NoDataError: No pods, no reading that counts, or no requests to compare with.
    """
    if not pods:
        raise NoDataError("expected pods for the selector, found none")
    is_cpu = metric.kind != "Pods" and metric.name == "cpu"
    groups = grouped(pods, readings, windows if is_cpu else None, now_seconds)
    left_out = groups.ignored | groups.unready
    values = {name: each.milli for name, each in readings.items() if name not in left_out}
    if not values:
        raise NoDataError(f"expected readings of {metric.name} from pods that are ready, found none")
    measure, if_missing = _how(metric, pods)
    usage = measure(values)
    replicas = _replicas(values, groups, usage, measure, if_missing, current_replicas, tolerances)
    return Proposal(replicas, usage.percent, usage.average_milli)


def _how(metric: Metric, pods: Sequence[Pod]) -> tuple[_Measure, _IfMissing]:
    """How to measure use, and what a pod without a reading is taken to use when replicas would shrink."""
    target = metric.value
    if metric.target == "AverageValue":
        return (lambda values: average(values, target)), (lambda _: target)
    requests = requests_of(pods, metric.name, metric.container)
    assumed_percent = max(_WHOLE_PERCENT, target)  # never below its request

    def assumed(name: str) -> int:
        return quotient(wrapped64(requests[name] * assumed_percent), _WHOLE_PERCENT)

    return (lambda values: utilization(values, requests, target)), assumed


def _replicas(
    values: dict[str, int],
    groups: Groups,
    usage: Usage,
    measure: _Measure,
    if_missing: _IfMissing,
    current_replicas: int,
    tolerances: Tolerances,
) -> int:
    """What pods that are unready or silent would do is assumed against the change that the others ask for."""
    up, down = usage.ratio > 1.0, usage.ratio < 1.0
    dilute = up and bool(groups.unready)
    if not dilute and not groups.missing:
        if tolerances.holds(usage.ratio):
            return current_replicas
        return ceil32(usage.ratio * groups.ready)

    if down:
        values |= {name: if_missing(name) for name in groups.missing}
    elif up:
        values |= dict.fromkeys(groups.missing, 0)
    if dilute:
        values |= dict.fromkeys(groups.unready, 0)
    again = measure(values).ratio
    turned = (down and again > 1.0) or (up and again < 1.0)
    if tolerances.holds(again) or turned:
        return current_replicas
    wanted = ceil32(again * len(values))
    if (again < 1.0 and wanted > current_replicas) or (again > 1.0 and wanted < current_replicas):
        return current_replicas  # another number of pods than of replicas would turn the change around
    return wanted
