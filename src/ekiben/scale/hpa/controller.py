"""One sync of the controller: from what it sees and remembers to replicas, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from ekiben.errors import NoDataError
from ekiben.scale.hpa import per_pod, total
from ekiben.scale.hpa.autoscaler import Autoscaler, Flags
from ekiben.scale.hpa.history import Memory, Stamped, with_change
from ekiben.scale.hpa.limits import Limited, limited, limited_by_factor
from ekiben.scale.hpa.metric import Found, Metric, Proposal
from ekiben.scale.hpa.pods import Pod
from ekiben.scale.hpa.several import Outcome, together
from ekiben.scale.hpa.stabilization import stabilized, stabilized_by_flag

_GOT = "SucceededGetScale"
_MOVED = "SucceededRescale"


@dataclass(frozen=True, slots=True)
class Seen:
    """What the controller reads in one sync.

    Attributes:
        now_seconds: Its clock; the epoch is that of the pods' times.
        spec_replicas: Of the scale: how many there should be.
        status_replicas: Of the scale: how many there are.
        pods: All that the selector finds.
        found: What was read of each metric of the spec, in its order; None where that failed.
    """

    now_seconds: float
    spec_replicas: int
    status_replicas: int
    pods: Sequence[Pod]
    found: Sequence[Found]


@dataclass(frozen=True, slots=True)
class Decision:
    """What the controller does.

    Attributes:
        replicas: The scale's spec after the sync.
        failed: It reports an error; it may have scaled nevertheless.
        able: Reason of the HPA's condition `AbleToScale`.
        limited: Reason of `ScalingLimited`; empty where limits were not asked.
        active: Reason of `ScalingActive`; empty where metrics were not asked.
        proposals: One per metric, None for those that failed; none where metrics were not asked.
    """

    replicas: int
    failed: bool = False
    able: str = _GOT
    limited: str = ""
    active: str = ""
    proposals: tuple[Proposal | None, ...] = ()


def sync(hpa: Autoscaler, flags: Flags, memory: Memory, seen: Seen) -> tuple[Decision, Memory]:
    """Decide once.

    Args:
        hpa: The spec.
        flags: The controller's.
        memory: What it remembers of this HPA; `Memory()` after a restart.
        seen: What it reads.

    Returns:
        The decision, and what it remembers from now on.

    Source: https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/#algorithm-details
    """
    current, now = seen.spec_replicas, seen.now_seconds
    if memory.recommendations is None:
        memory = replace(memory, recommendations=(Stamped(current, now),))
    if current == 0 and hpa.min_replicas != 0:
        return Decision(0, active="ScalingDisabled"), memory
    within = min(max(current, hpa.min_replicas), hpa.max_replicas)
    if within != current:
        return Decision(within, able=_MOVED), _after(hpa, memory, current, within, now)
    outcome = together(hpa.metrics, partial(_propose, hpa, flags, seen), current)
    if outcome.replicas is None:
        return Decision(current, failed=True, active=outcome.active, proposals=outcome.proposals), memory
    found, stable, memory = _normalized(hpa, flags, memory, max(0, outcome.replicas), current, now)
    if found.replicas != current:
        stable, memory = _MOVED, _after(hpa, memory, current, found.replicas, now)
    return _decision(found, stable, outcome), memory


def _decision(found: Limited, able: str, outcome: Outcome) -> Decision:
    return Decision(found.replicas, outcome.failed, able, found.reason, outcome.active, outcome.proposals)


def _propose(hpa: Autoscaler, flags: Flags, seen: Seen, metric: Metric, index: int) -> Proposal:
    found, tolerances = seen.found[index], hpa.tolerances(flags)
    if found is None:
        raise NoDataError(f"expected readings of {metric.name}, found none")
    if isinstance(found, tuple):
        return total.replicas_for(
            metric, found, seen.pods, seen.spec_replicas, seen.status_replicas, tolerances
        )
    return per_pod.replicas_for(
        metric, found, seen.pods, seen.spec_replicas, tolerances, flags.readiness, seen.now_seconds
    )


def _normalized(
    hpa: Autoscaler, flags: Flags, memory: Memory, wanted: int, current: int, now: float
) -> tuple[Limited, str, Memory]:
    """Stabilise, then limit; the reason is that of `AbleToScale`."""
    history = memory.recommendations or ()
    behavior = hpa.behavior
    if behavior is None:
        stable, after = stabilized_by_flag(history, wanted, flags.downscale_stabilization_seconds, now)
        found = limited_by_factor(stable, current, hpa.min_replicas, hpa.max_replicas)
        held = "ScaleDownStabilized"
    else:
        up, down = behavior.up.window_seconds or 0, behavior.down.window_seconds
        if down is None:
            down = int(flags.downscale_stabilization_seconds)
        stable, after = stabilized(history, wanted, current, up, down, now)
        found = limited(stable, current, hpa.min_replicas, hpa.max_replicas, behavior, memory, now)
        held = "ScaleUpStabilized" if wanted >= current else "ScaleDownStabilized"
    reason = "ReadyForNewScale" if stable == wanted else held
    return found, reason, replace(memory, recommendations=after)


def _after(hpa: Autoscaler, memory: Memory, before: int, after: int, now: float) -> Memory:
    """Remember a change for the policies; without `spec.behavior` nobody asks for it."""
    if hpa.behavior is None:
        return memory
    if after > before:
        longest = hpa.behavior.up.longest_period_seconds
        return replace(memory, ups=with_change(memory.ups, after - before, longest, now))
    longest = hpa.behavior.down.longest_period_seconds
    return replace(memory, downs=with_change(memory.downs, before - after, longest, now))
