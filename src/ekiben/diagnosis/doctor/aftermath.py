"""The last links: what slows a chain that holds, and what events tell that no link does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ekiben.diagnosis.doctor.link import Finding, Subject, counted, sound, unknown, warning
from ekiben.diagnosis.doctor.pods import Pods, aged
from ekiben.observe.alerts import THROTTLED_RATIO

WINDOW_SECONDS = 60
EVENT_SECONDS = 600.0
# A start takes all the CPU that it may: what is seen in its window says nothing of requests.
_SETTLED_SECONDS = WINDOW_SECONDS + 15.0
# Their present state was judged by the links before this one: what they tell is over.
_JUDGED = frozenset(
    {
        "BackOff", "Failed", "FailedCreate", "FailedScheduling", "Unhealthy", "ErrImageNeverPull",
        "InspectFailed", "FailedGetResourceMetric", "FailedGetContainerResourceMetric", "FailedGetPodsMetric",
        "FailedGetObjectMetric", "FailedGetExternalMetric", "FailedComputeMetricsReplicas",
        "FailedGetScale", "FailedRescale", "FailedUpdateStatus", "AmbiguousSelector", "SelectorRequired",
        "ProbeWarning", "KEDAScalerFailed", "ScaledObjectCheckFailed", "FailedToUpdateEndpointSlices",
        "FailedToUpdateEndpoint",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Slowed:
    """What this group is judged by.

    Attributes:
        throttled: Share of CPU periods in which a pod was held back, 0-1, by pod; None if nobody told.
    """

    throttled: Mapping[str, float] | None = None


def judge(subject: Subject, pods: Pods, facts: Slowed) -> Iterator[Finding]:
    """Judge these links, in their order."""
    yield _throttled(subject, pods, facts)
    yield _events(subject, pods)


def _throttled(subject: Subject, pods: Pods, facts: Slowed) -> Finding:
    settled = {pod.name for pod in aged(pods.serving, subject.now, _SETTLED_SECONDS)}
    if not settled:
        return sound("throttling", "its pods are too new to tell")
    if facts.throttled is None:
        return unknown("throttling", "Prometheus has no cAdvisor figures of these pods")
    held = {
        name: share
        for name, share in facts.throttled.items()
        if name in settled and share > THROTTLED_RATIO
    }  # fmt: skip
    if not held:
        most = max((share for name, share in facts.throttled.items() if name in settled), default=0.0)
        return sound("throttling", f"in at most {most:.0%} of the CPU periods of {WINDOW_SECONDS} s")
    worst = max(held, key=lambda name: held[name])
    limits = {
        one.limits["cpu"]
        for pod in pods.serving
        for one in pod.containers
        if pod.name in held and "cpu" in one.limits
    }
    limit = f" ({', '.join(sorted(limits))})" if limits else ""
    return warning(
        "throttling",
        f"{counted(len(held), 'pod')} held back by the CPU limit{limit}: {worst} in {held[worst]:.0%} of its "
        f"periods of {WINDOW_SECONDS} s",
        "raise `release.resources.cpu_limit`, or lower `scale.target_cpu_percent` so that replicas come "
        f"before the limit does; then `ekiben release {subject.model}`",
    )


def _events(subject: Subject, pods: Pods) -> Finding:
    names = {subject.release, *(pod.name for pod in pods.replicas)}
    recent = [
        one
        for one in pods.events
        if one.warning
        and (one.name in names or one.name.startswith(f"{subject.release}-"))
        and one.at is not None
        and subject.now - one.at.timestamp() < EVENT_SECONDS
    ]
    others = [one for one in recent if one.reason not in _JUDGED]
    if others:
        newest = others[-1]
        return warning(
            "events",
            f"{counted(len(others), 'warning')} in the last {EVENT_SECONDS / 60:.0f} min, the newest of "
            f"{newest.kind} {newest.name}: {newest.reason}: {newest.message}",
            subject.kubectl("events", "--types=Warning"),
        )
    past = f"; {counted(len(recent), 'warning')} of what is sound again" if recent else ""
    return sound("events", f"none in the last {EVENT_SECONDS / 60:.0f} min{past}")
