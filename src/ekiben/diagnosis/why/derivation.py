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
from ekiben.scale.hpa.pods import Groups, Phase, Pod, Readiness, Reading, grouped

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
    scaler: Scaler, replicas: Sequence[Replica], usages: Sequence[PodUsage], now_seconds: float
) -> tuple[Derivation, ...]:
    """Derive what each metric that the HPA has a reading of asks for.

    The controller's flags are taken to be Kubernetes' defaults; nobody but the controller knows them.

    Args:
        scaler: The HPA.
        replicas: The pods of its target.
        usages: What the metrics API knows of them.
        now_seconds: Seconds since the epoch.

    Raises:
        ConfigError: The HPA's spec cannot be read.
    """
    hpa, flags = Autoscaler.of(scaler.spec), Flags()
    pods = [_pod(one) for one in replicas]
    readings = {one.pod: _reading(one) for one in usages}
    rescaled = any((c.type, c.reason) == ("AbleToScale", "SucceededRescale") for c in scaler.conditions)
    groups = grouped(pods, readings, flags.readiness, now_seconds)
    counted = scaler.current if rescaled or not usages else groups.ready
    found = []
    for metric, current in zip(hpa.metrics, scaler.readings, strict=False):
        value = _seen(metric, current)
        if value is None:
            continue
        per_pods = metric.kind not in ("Object", "External")
        number = counted if per_pods else scaler.current
        one = _derivation(metric, value, number, scaler, hpa, flags)
        doubtful = per_pods and bool(usages) and not rescaled and bool(groups.unready or groups.missing)
        found.append(_with_doubt(one, metric, hpa, flags, pods, readings, groups, scaler, now_seconds)
                     if doubtful else one)  # fmt: skip
    return tuple(found)


def _derivation(
    metric: Metric, value: int, pods: int, scaler: Scaler, hpa: Autoscaler, flags: Flags
) -> Derivation:
    usage, tolerances = ratio(value, metric.value), hpa.tolerances(flags)
    holds = tolerances.holds(usage)
    percent = metric.target == "Utilization"
    wanted = scaler.current if holds else ceil32(usage * pods)
    figures = f"{value}/{metric.value}" if percent else f"{value / 1000:g}/{metric.value / 1000:g}"
    return Derivation(
        metric.name, value, metric.value, percent, pods, 0, 0, usage,
        tolerances.up_ratio if usage > 1 else tolerances.down_ratio,
        holds, wanted, f"{figures} = {usage:.2f}" if holds else f"ceil({pods} x {figures}) = {wanted}",
    )  # fmt: skip


def _with_doubt(
    one: Derivation, metric: Metric, hpa: Autoscaler, flags: Flags, pods: Sequence[Pod],
    readings: Mapping[str, Reading], groups: Groups, scaler: Scaler, now_seconds: float,
) -> Derivation:  # fmt: skip
    """Where pods start or are silent, what they would use is assumed: the whole arithmetic decides."""
    try:
        proposal = per_pod.replicas_for(
            metric, readings, pods, scaler.current, hpa.tolerances(flags), flags.readiness, now_seconds
        )
        wanted = proposal.replicas
    except NoDataError:
        wanted = scaler.current
    return Derivation(
        one.metric, one.value, one.target, one.percent, one.pods, len(groups.unready), len(groups.missing),
        one.ratio, one.tolerance_ratio, one.holds, wanted,
        f"{wanted}, reckoned from {one.pods} pods that count and {len(groups.unready) + len(groups.missing)} "
        "that do not yet",
    )  # fmt: skip


def _seen(metric: Metric, current: Mapping[str, Any]) -> int | None:
    """The value that the HPA's status has for a metric; None if it has none."""
    read = current.get(_BLOCKS.get(str(current.get("type")), ""), {}).get("current") or {}
    if metric.target == "Utilization":
        percent = read.get("averageUtilization")
        return None if percent is None else int(percent)
    text = read.get("averageValue" if metric.target == "AverageValue" else "value")
    return None if text is None else quantity.milli(text)


def _pod(one: Replica) -> Pod:
    phase: Phase = one.phase if one.phase in get_args(Phase) else "Unknown"  # type: ignore[assignment]  # checked
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
