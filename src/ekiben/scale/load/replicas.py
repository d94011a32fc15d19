"""How many replicas there were, over a load."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReplicaSample:
    """Replicas at one time.

    Attributes:
        time: Seconds since the start of the load.
        current: Replicas that the HPA sees.
        ready: Ready pods that are not ending.
        desired: Replicas that the HPA wants.
    """

    time: float
    current: int
    ready: int
    desired: int
