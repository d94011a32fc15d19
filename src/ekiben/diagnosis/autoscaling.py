"""What the HPA says, in plain English with numbers: a pure translation of its conditions.

Source: reasons as the controller sets them,
https://github.com/kubernetes/kubernetes/blob/v1.35.4/pkg/controller/podautoscaler/horizontal.go.
"""

from __future__ import annotations

from collections.abc import Callable

from ekiben.clients.objects import Autoscaler, Condition

_NO_METRIC = frozenset(
    {
        "FailedGetResourceMetric",
        "FailedGetContainerResourceMetric",
        "FailedGetPodsMetric",
        "FailedGetObjectMetric",
        "FailedGetExternalMetric",
        "FailedComputeMetricsReplicas",
        "InvalidMetricSourceType",
    }
)
_QUIET = frozenset({"ValidMetricFound", "DesiredWithinRange", "SucceededGetScale", "ReadyForNewScale"})

_WORDS: dict[str, Callable[[Autoscaler], str]] = {
    "SucceededRescale": lambda hpa: f"it has just asked for {_replicas(hpa.desired)}",
    "ScaleDownStabilized": lambda _hpa: (
        "fewer would do now, but it keeps the most it wanted during the stabilization window"
    ),
    "ScaleUpStabilized": lambda _hpa: (
        "more are wanted now, but it keeps the fewest it wanted during the stabilization window"
    ),
    "TooManyReplicas": lambda hpa: f"it would run more, but {hpa.maximum} is the maximum",
    "TooFewReplicas": lambda hpa: f"it would run fewer, but {hpa.minimum} is the minimum",
    "ScaleUpLimit": lambda _hpa: "it wants more than its scale-up policy allows at once: they come in steps",
    "ScaleDownLimit": lambda _hpa: (
        "it wants fewer than its scale-down policy allows at once: they go in steps"
    ),
    "ScalingDisabled": lambda hpa: (
        f"it does nothing: {hpa.target_name} was set to 0 replicas; set it to 1 or more to switch it on"
    ),
    "AmbiguousSelector": lambda hpa: f"it does nothing: another HPA has the pods of {hpa.target_name} too",
    "InvalidSelector": lambda hpa: f"it does nothing: {hpa.target_name} has no usable selector",
    "FailedGetScale": lambda hpa: f"it does nothing: {hpa.target_kind} {hpa.target_name} cannot be read",
    "FailedUpdateScale": lambda hpa: f"it cannot change the replicas of {hpa.target_name}",
}  # fmt: skip
# What the controller adds that the sentence does not say: only where something is broken.
_WITH_MESSAGE = frozenset({"AmbiguousSelector", "InvalidSelector", "FailedGetScale", "FailedUpdateScale"})


def in_words(hpa: Autoscaler, target_cpu_percent: int | None = None) -> tuple[str, ...]:
    """Say what the HPA sees and why it does what it does.

    Args:
        hpa: As read from the cluster.
        target_cpu_percent: What it steers to, % of the CPU request; None if unknown.

    Returns:
        Sentences: first the numbers, then one for each condition that explains something.
    """
    if not hpa.conditions:
        return (f"{_numbers(hpa)}; its controller has not looked at it yet",)
    active = next((c for c in hpa.conditions if c.type == "ScalingActive"), None)
    seen = (
        _numbers(hpa) if active is not None and active.status == "False" else _seen(hpa, target_cpu_percent)
    )
    said = (_sentence(condition, hpa) for condition in hpa.conditions)
    return (seen, *(text for text in said if text))


def _replicas(number: int) -> str:
    return f"{number} replica" if number == 1 else f"{number} replicas"


def _numbers(hpa: Autoscaler) -> str:
    verb = "is" if hpa.desired == 1 else "are"
    return f"{_replicas(hpa.current)} of {hpa.minimum} to {hpa.maximum}, {hpa.desired} {verb} wanted"


def _seen(hpa: Autoscaler, target: int | None) -> str:
    goal = "" if target is None else f", the target is {target} %"
    if hpa.cpu_percent is None:
        return f"{_numbers(hpa)}; no CPU use is known yet{goal}"
    return f"{_numbers(hpa)}; CPU use is {hpa.cpu_percent} % of the request{goal}"


def _sentence(condition: Condition, hpa: Autoscaler) -> str:
    if condition.reason in _QUIET:
        return ""
    if condition.type == "ScalingActive" and condition.reason in _NO_METRIC:
        return f"it does nothing, as it has no figures to go by: {condition.message}"
    words = _WORDS.get(condition.reason)
    if words is None:  # a reason of another Kubernetes release
        return f"{condition.type} is {condition.status}: {condition.reason}: {condition.message}"
    added = f": {condition.message}" if condition.reason in _WITH_MESSAGE and condition.message else ""
    return words(hpa) + added
