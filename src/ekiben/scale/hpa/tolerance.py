"""How far a ratio of use to target may be from 1 before replicas change."""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_RATIO = 0.1  # --horizontal-pod-autoscaler-tolerance of kube-controller-manager


@dataclass(frozen=True, slots=True)
class Tolerances:
    """One for each direction.

    Attributes:
        down_ratio: Use may be this much below the target.
        up_ratio: Use may be this much above the target.

    Source: https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/#tolerance
    """

    down_ratio: float = DEFAULT_RATIO
    up_ratio: float = DEFAULT_RATIO

    def holds(self, usage_ratio: float) -> bool:
        """Whether use is close enough to the target to change nothing; both ends belong to it."""
        return 1.0 - self.down_ratio <= usage_ratio <= 1.0 + self.up_ratio
