"""Several metrics, some of which may have failed: the largest proposal, and no scale-down in the dark."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ekiben.errors import NoDataError
from ekiben.scale.hpa.metric import Metric, Proposal


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the metrics together ask for.

    Attributes:
        replicas: None where nothing may be done: all failed, or some did and the rest would scale down.
        failed: At least one metric failed.
        active: Reason of the HPA's condition `ScalingActive`.
        proposals: One per metric, None for those that failed.
    """

    replicas: int | None
    failed: bool
    active: str
    proposals: tuple[Proposal | None, ...]


def together(
    metrics: Sequence[Metric], propose: Callable[[Metric, int], Proposal], current_replicas: int
) -> Outcome:
    """Ask each metric and take the largest answer.

    Args:
        metrics: At least one.
        propose: Takes a metric and its index; raises NoDataError where it has failed.
        current_replicas: As in the scale's spec.

    Source: https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/#scaling-on-multiple-metrics
    """
    proposals: list[Proposal | None] = []
    first_failed = ""
    replicas = 0
    for index, metric in enumerate(metrics):
        try:
            found = propose(metric, index)
        except NoDataError:
            first_failed = first_failed or f"FailedGet{metric.kind}Metric"
            proposals.append(None)
            continue
        proposals.append(found)
        # 0 stands for "none yet" too: a negative answer after a 0 replaces it, as upstream's does.
        if replicas == 0 or found.replicas > replicas:
            replicas = found.replicas
    blind = all(each is None for each in proposals)
    if blind or (first_failed and replicas < current_replicas):
        return Outcome(None, failed=True, active=first_failed, proposals=tuple(proposals))
    return Outcome(replicas, bool(first_failed), "ValidMetricFound", tuple(proposals))
