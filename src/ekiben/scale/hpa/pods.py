"""Pods as the HPA sees them: which count, and which of their readings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Phase = Literal["Pending", "Running", "Succeeded", "Failed", "Unknown"]


@dataclass(frozen=True, slots=True)
class Readiness:
    """The condition `Ready` of a pod.

    Attributes:
        ready: None where the cluster says Unknown.
        since_seconds: When it last changed.
    """

    ready: bool | None
    since_seconds: float


@dataclass(frozen=True, slots=True)
class Pod:
    """What the HPA reads of a pod; all times are seconds since one epoch.

    Attributes:
        name: Unique among the pods.
        phase: As in the pod's status.
        deleted: It has a deletion timestamp.
        start_seconds: `status.startTime`; None before a kubelet has taken it.
        readiness: None where the condition is not there yet.
        requests: By container (sidecars that restart are containers), then resource: thousandths.
        pod_requests: Requests of the pod as a whole, by resource, thousandths; None if it has none.
    """

    name: str
    phase: Phase = "Running"
    deleted: bool = False
    start_seconds: float | None = None
    readiness: Readiness | None = None
    requests: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    pod_requests: Mapping[str, int] | None = None

    @property
    def counts_as_ready(self) -> bool:
        """Running and ready: what the metrics that belong to no pod are multiplied by."""
        return self.phase == "Running" and self.readiness is not None and self.readiness.ready is True


@dataclass(frozen=True, slots=True)
class Reading:
    """One pod's value of a metric.

    Attributes:
        milli: Thousandths; for CPU, thousandths of a core.
        at_seconds: When it was taken.
        window_seconds: Over how long.
    """

    milli: int
    at_seconds: float = 0.0
    window_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class ReadinessWindows:
    """For how long a starting pod's CPU is not believed (flags of kube-controller-manager).

    Attributes:
        initialization_seconds: `--horizontal-pod-autoscaler-cpu-initialization-period`.
        readiness_delay_seconds: `--horizontal-pod-autoscaler-initial-readiness-delay`.
    """

    initialization_seconds: float = 300.0
    readiness_delay_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Groups:
    """Pods by what their readings are worth.

    Attributes:
        ready: How many have a reading that counts.
        unready: Names of those that are pending, or whose CPU is not believed yet.
        missing: Names of those without a reading.
        ignored: Names of those that are being deleted or have failed.
    """

    ready: int
    unready: frozenset[str]
    missing: frozenset[str]
    ignored: frozenset[str]


def grouped(
    pods: Iterable[Pod],
    readings: Mapping[str, Reading],
    windows: ReadinessWindows | None,
    now_seconds: float,
) -> Groups:
    """Tell pods that count from those that do not.

    Args:
        pods: All that the selector finds.
        readings: By pod's name.
        windows: For CPU; None for any other metric, where readiness plays no part.
        now_seconds: The controller's clock.

    Source: https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/#algorithm-details
    """
    ready, unready, missing, ignored = 0, set[str](), set[str](), set[str]()
    for pod in pods:
        if pod.deleted or pod.phase == "Failed":
            ignored.add(pod.name)
        elif pod.phase == "Pending":
            unready.add(pod.name)
        elif (reading := readings.get(pod.name)) is None:
            missing.add(pod.name)
        elif windows is not None and not _believed(pod, reading, windows, now_seconds):
            unready.add(pod.name)
        else:
            ready += 1
    return Groups(ready, frozenset(unready), frozenset(missing), frozenset(ignored))


def _believed(pod: Pod, reading: Reading, windows: ReadinessWindows, now_seconds: float) -> bool:
    """Whether a running pod's CPU says something of its load: start-up burns CPU without requests.

    While it may still initialise, it must be ready, and the sample must lie wholly after that. Later only
    a pod that was never ready is not believed; "never" is judged by how soon after its start it last changed.
    """
    if pod.readiness is None or pod.start_seconds is None:
        return False
    unready = pod.readiness.ready is False
    if pod.start_seconds + windows.initialization_seconds > now_seconds:
        return not unready and reading.at_seconds >= pod.readiness.since_seconds + reading.window_seconds
    return not (unready and pod.start_seconds + windows.readiness_delay_seconds > pod.readiness.since_seconds)
