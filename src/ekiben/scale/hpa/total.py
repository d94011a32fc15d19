"""Metrics that belong to no pod: Object and External."""

from __future__ import annotations

from collections.abc import Sequence

from ekiben.errors import NoDataError
from ekiben.scale.hpa.machine import MAX_INT32, MAX_INT64, ceil32, ceil64, ratio, wrapped64
from ekiben.scale.hpa.metric import Metric, Proposal, Totals
from ekiben.scale.hpa.pods import Pod
from ekiben.scale.hpa.tolerance import Tolerances


def replicas_for(
    metric: Metric,
    values: Totals,
    pods: Sequence[Pod],
    current_replicas: int,
    status_replicas: int,
    tolerances: Tolerances,
) -> Proposal:
    """Replicas that bring a total to its target.

    Args:
        metric: Of kind Object or External.
        values: Thousandths; those of External are added up.
        pods: All that the selector finds; looked at for a `Value` only.
        current_replicas: As in the scale's spec.
        status_replicas: Pods that there are; more than the spec's while a rollout surges.
        tolerances: Of this HPA.

    Raises:
        NoDataError: A `Value` beyond tolerance, and no pods to multiply.
    """
    total = values[0] if metric.kind == "Object" else _sum(values, per_pod=metric.target == "AverageValue")
    if metric.target == "Value":
        usage = ratio(float(total), float(metric.value))
        return Proposal(_by_ratio(usage, pods, current_replicas, tolerances), total_milli=total)
    return _per_pod(metric, total, status_replicas, tolerances)


def _sum(values: Totals, *, per_pod: bool) -> int:
    """The sum; what 63 bits cannot hold is their largest value."""
    total = 0
    for value in values:
        if not per_pod and value > 0 and total > MAX_INT64 - value:
            return MAX_INT64
        total = wrapped64(total + value)
        if per_pod and total < 0:
            return MAX_INT64  # a sum below zero is taken for an overflow
    return total


def _by_ratio(usage: float, pods: Sequence[Pod], current_replicas: int, tolerances: Tolerances) -> int:
    """A `Value`: the ratio multiplies the pods that are ready; from zero it is the number itself."""
    if current_replicas == 0:
        return ceil32(usage)
    if tolerances.holds(usage):
        return current_replicas
    if not pods:
        raise NoDataError("expected pods for the selector, found none")
    wanted = usage * sum(pod.counts_as_ready for pod in pods)
    return MAX_INT32 if wanted > MAX_INT32 else ceil32(wanted)


def _per_pod(metric: Metric, total: int, status_replicas: int, tolerances: Tolerances) -> Proposal:
    """An `AverageValue`: the total over the target. No pod is looked at.

    Within tolerance it answers with the pods that there are, not with the spec's replicas: while a rollout
    surges, replicas ratchet up (https://github.com/kubernetes/kubernetes/issues/138505).
    """
    external = metric.kind == "External"
    replicas = status_replicas
    if not tolerances.holds(ratio(float(total), float(metric.value) * float(status_replicas))):
        wanted = ratio(float(total), float(metric.value))
        replicas = MAX_INT32 if external and wanted > MAX_INT32 else ceil32(wanted)
    if external and float(total) >= float(MAX_INT64):
        return Proposal(replicas, average_milli=MAX_INT64)
    return Proposal(replicas, average_milli=ceil64(ratio(float(total), float(status_replicas))))
