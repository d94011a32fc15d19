"""From what the HPA last saw to the replicas that it wants, with the HPA's own arithmetic (`scale.hpa`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from ekiben.clients.facts.scaling import PodUsage, Scaler
from ekiben.clients.facts.workload import Replica
from ekiben.errors import NoDataError
from ekiben.scale.hpa import per_pod, quantity
from ekiben.scale.hpa.autoscaler import Autoscaler, Flags
from ekiben.scale.hpa.machine import ceil32, ratio
from ekiben.scale.hpa.metric import Metric
from ekiben.scale.hpa.pods import Phase, Pod, Readiness, Reading, grouped
from ekiben.scale.hpa.tolerance import Tolerances

_BLOCKS = {
    "Resource": "resource",
    "ContainerResource": "containerResource",
    "Pods": "pods",
    "Object": "object",
    "External": "external",
}


@dataclass(frozen=True, slots=True)
class Derivation:
    """What one metric asks for.

    Attributes:
        metric: Its name.
        value: What the HPA last saw: whole percents of the request, else thousandths.
        target: In the same unit.
        percent: Whether the unit is percents of the request.
        pods: Pods whose readings count.
        unready: Pods that are starting, or whose CPU is not believed yet.
        missing: Pods without a reading.
        ratio: value / target.
        tolerance_ratio: How far the ratio may be from 1 in its direction, 0-1.
        holds: It is within that.
        wanted: Replicas that it asks for, before windows, policies and bounds.
        formula: How that was computed.
    """

    metric: str
    value: int
    target: int
    percent: bool
    pods: int
    unready: int
    missing: int
    ratio: float
    tolerance_ratio: float
    holds: bool
    wanted: int
    formula: str


def derive(
    scaler: Scaler,
    wanted: int,
    replicas: Sequence[Replica],
    usages: Sequence[PodUsage],
    now_seconds: float,
) -> tuple[Derivation, ...]:
    """Derive what each metric that the HPA has a reading of asks for.

    The controller's flags are taken to be Kubernetes' defaults; nobody but the controller knows them.

    Args:
        scaler: The HPA.
        wanted: Replicas that its target is asked for.
        replicas: The pods of its target.
        usages: What the metrics API knows of them; empty if it does not answer.
        now_seconds: Seconds since the epoch.

    Raises:
        ConfigError: The HPA's spec cannot be read.
    """
    rescaled = any((c.type, c.reason) == ("AbleToScale", "SucceededRescale") for c in scaler.conditions)
    look = _Look(
        Autoscaler.of(scaler.spec),
        scaler.current,
        scaler.current if rescaled else wanted,
        tuple(map(_pod, replicas)),
        {} if rescaled else {one.pod: _reading(one) for one in usages},
        now_seconds,
    )
    found = []
    for metric, current in zip(look.hpa.metrics, scaler.readings, strict=False):
        value = _seen(metric, current)
        if value is not None:
            found.append(look.derived(metric, value))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Look:
    """One look of the HPA, as far as it can be repeated.

    Its status has the use that it saw; how many pods that was of is known from the pods' readings of now, or,
    where it has just changed the replicas, from their number before.
    """

    hpa: Autoscaler
    seen: int
    kept: int
    pods: tuple[Pod, ...]
    readings: Mapping[str, Reading]
    now: float

    def derived(self, metric: Metric, value: int) -> Derivation:
        """What a metric with this value asks for."""
        flags = Flags()
        usage, tolerances = ratio(value, metric.value), self.hpa.tolerances(flags)
        holds = tolerances.holds(usage)
        percent = metric.target == "Utilization"
        per_pods = metric.kind not in ("Object", "External")
        groups = grouped(self.pods, self.readings, flags.readiness, self.now)
        known = per_pods and bool(self.readings)
        pods = groups.ready if known else self.seen
        unready, missing = (len(groups.unready), len(groups.missing)) if known else (0, 0)
        figures = f"{value}/{metric.value}" if percent else f"{value / 1000:g}/{metric.value / 1000:g}"
        if unready or missing:
            wanted = self._assumed(metric, tolerances)
            formula = f"{figures} of {pods} pods, with {unready + missing} that do not count yet: {wanted}"
        elif holds:
            wanted, formula = self.kept, f"{figures} = {usage:.2f}"
        else:
            wanted = ceil32(usage * pods)
            formula = f"ceil({pods} x {figures}) = {wanted}"
        return Derivation(
            metric.name, value, metric.value, percent, pods, unready, missing, usage,
            tolerances.up_ratio if usage > 1 else tolerances.down_ratio, holds, wanted, formula,
        )  # fmt: skip

    def _assumed(self, metric: Metric, tolerances: Tolerances) -> int:
        """Where pods start or are silent, what they would use is assumed: the whole arithmetic decides."""
        try:
            return per_pod.replicas_for(
                metric, self.readings, self.pods, self.kept, tolerances, Flags().readiness, self.now
            ).replicas
        except NoDataError:
            return self.kept


def _seen(metric: Metric, current: Mapping[str, Any]) -> int | None:
    """The value that the HPA's status has for a metric; None if it has none."""
    read = current.get(_BLOCKS.get(str(current.get("type")), ""), {}).get("current") or {}
    if metric.target == "Utilization":
        percent = read.get("averageUtilization")
        return None if percent is None else int(percent)
    text = read.get("averageValue" if metric.target == "AverageValue" else "value")
    return None if text is None else quantity.milli(text)


def _pod(one: Replica) -> Pod:
    phase: Phase = one.phase if one.phase in get_args(Phase) else "Unknown"  # type: ignore[assignment]  # one of them
    readiness = None if one.ready_since is None else Readiness(one.ready, one.ready_since)
    return Pod(
        one.name,
        phase,
        one.ending,
        one.started_at,
        readiness,
        {c.name: {key: quantity.milli(text) for key, text in c.requests.items()} for c in one.containers},
        {key: quantity.milli(text) for key, text in one.pod_requests.items()} or None,
    )


def _reading(usage: PodUsage) -> Reading:
    used = sum(quantity.milli(one.get("cpu", "0")) for one in usage.containers.values())
    return Reading(used, usage.at, usage.window_seconds)
