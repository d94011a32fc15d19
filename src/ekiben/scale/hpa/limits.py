"""Limits: between min and max, and no faster than the policies, or twice the replicas, allow."""

from __future__ import annotations

from dataclasses import dataclass

from ekiben.scale.hpa.behavior import Behavior, down_limit, up_limit
from ekiben.scale.hpa.history import Memory
from ekiben.scale.hpa.machine import cut32

_FACTOR = 2.0  # without `spec.behavior`: at most twice the replicas in one sync,
_LEAST = 4.0  # or this many


@dataclass(frozen=True, slots=True)
class Limited:
    """Replicas within limits.

    Attributes:
        replicas: 0 and up.
        reason: Of the HPA's condition `ScalingLimited`: which limit held, or could have.
    """

    replicas: int
    reason: str


_WITHIN = "DesiredWithinRange"


def limited(
    wanted: int,
    current: int,
    low: int,
    high: int,
    behavior: Behavior,
    memory: Memory,
    now_seconds: float,
) -> Limited:
    """With `spec.behavior`: the limits of the direction alone, so that min binds only what shrinks.

    Args:
        wanted: After stabilisation.
        current: As in the scale's spec.
        low: `minReplicas`.
        high: `maxReplicas`.
        behavior: With all defaults filled in.
        memory: Changes that were made.
        now_seconds: The controller's clock.
    """
    if wanted > current:
        most = up_limit(current, behavior.up, memory, now_seconds)
        if wanted > min(high, most):
            return Limited(min(high, most), "ScaleUpLimit" if high > most else "TooManyReplicas")
    elif wanted < current:
        least = down_limit(current, behavior.down, memory, now_seconds)
        if wanted < max(low, least):
            return Limited(max(low, least), "ScaleDownLimit" if low < least else "TooFewReplicas")
    return Limited(wanted, _WITHIN)


def limited_by_factor(wanted: int, current: int, low: int, high: int) -> Limited:
    """Without `spec.behavior`: between min and max, and at most twice the replicas, or 4.

    Args:
        wanted: After stabilisation.
        current: As in the scale's spec.
        low: `minReplicas`.
        high: `maxReplicas`.

    Source: https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/#algorithm-details
    """
    most = cut32(max(_FACTOR * current, _LEAST))
    if wanted < low:
        return Limited(low, "TooFewReplicas")
    if wanted > min(high, most):
        return Limited(min(high, most), "ScaleUpLimit" if high > most else "TooManyReplicas")
    return Limited(wanted, _WITHIN)
