"""The policies that run in turn, as what `ekiben release` is told: pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ekiben.observe.indicators import PREDICTING
from ekiben.scale.plan.chart import chart_values
from ekiben.scale.plan.document import CapacityPlan
from ekiben.scale.plan.formulas import Signal
from ekiben.serving import metrics

LIMIT_MILLICORES = 200  # of every replica: 1 ms in each 5 ms, so that several share a small node
ROWS = 256  # of a request: 1.6 to 1.9 ms of CPU (measured), so that few requests are much for a replica
SERVED_SHARE = 0.7  # of what a replica can do at most: the usual guess (as in the simulated comparison)
SERVED_WINDOW = "1m"
# What users of KEDA and of `kubectl autoscale` have, who set no behavior.
# Source: https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/#default-behavior
_DEFAULT_UP = {
    "stabilizationWindowSeconds": 0,
    "selectPolicy": "Max",
    "policies": [
        {"type": "Pods", "value": 4, "periodSeconds": 15},
        {"type": "Percent", "value": 100, "periodSeconds": 15},
    ],
}
_DEFAULT_DOWN_SECONDS = 300
# Of the plan, what has nothing to do with autoscaling: all policies have the same pods.
_OF_PODS = (
    "podDisruptionBudget",
    "drainSeconds",
    "requestTimeoutSeconds",
    "progressDeadlineSeconds",
    "startupProbe",
)
# A request of many rows, each for itself: few of them load a replica, and nothing is saved by company.
_ENVIRONMENT = {"EKIBEN_INLINE_ROWS": "0"}
Kind = Literal["plan", "cpu", "served"]


@dataclass(frozen=True, slots=True)
class Policy:
    """One autoscaler.

    Attributes:
        name: In tables.
        kind: `plan`: ekiben's, as planned; `cpu`: CPU use, guessed; `served`: requests served per second.
        signal: What a planned one reads.
        percent: Of the CPU request, that a guessed one steers to.
    """

    name: str
    kind: Kind
    signal: Signal = "cpu"
    percent: int = 0

    @property
    def by_keda(self) -> bool:
        """Whether the cluster needs KEDA for it."""
        return self.kind == "served" or (self.kind == "plan" and self.signal == "demand")


POLICIES = (
    Policy("ekiben, CPU", "plan", "cpu"),
    Policy("ekiben, demand", "plan", "demand"),
    Policy("HPA CPU 80 %", "cpu", percent=80),
    Policy("HPA CPU 50 %", "cpu", percent=50),
    Policy("KEDA requests/s", "served"),
)
BY_NAME = {each.name: each for each in POLICIES}
OURS = tuple(each for each in POLICIES if each.kind == "plan")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a release is told.

    Attributes:
        environment: Settings of `ekiben`, by variable.
        signal: Whose plan it takes; empty for none.
        fewest: Replicas that it begins with.
    """

    environment: Mapping[str, str]
    signal: Signal | Literal[""]
    fewest: int


def pinned(replicas: int) -> Asked:
    """So many replicas, whatever happens: what is measured is one of them, or all."""
    return Asked(_settings({}, replicas, replicas, 100), "", replicas)


def asked(
    policy: Policy,
    plan: CapacityPlan,
    *,
    saturation_rate: float,
    namespace: str,
    release: str,
    prometheus_url: str = "",
) -> Asked:
    """What the release of a policy is told.

    Args:
        policy: It.
        plan: Of the policy's signal; the others take pods, fewest and most replicas from it.
        saturation_rate: Of one replica, requests/s.
        namespace: Of the release.
        release: Its name.
        prometheus_url: Which KEDA asks.
    """
    low, high = plan.whole("min_replicas"), plan.whole("max_replicas")
    if policy.kind == "plan":
        return Asked({"EKIBEN_RELEASE__VALUES": json.dumps({"env": _ENVIRONMENT})}, policy.signal, low)
    planned = chart_values(plan)
    values: dict[str, Any] = {name: planned[name] for name in _OF_PODS}
    values["server"] = {"mostInProgress": planned["server"]["mostInProgress"]}
    values["autoscaling"] = {"behavior": {"scaleUp": _DEFAULT_UP}}
    percent = policy.percent
    if policy.kind == "served":
        percent = 100  # the chart's CPU trigger, where it cannot ask for more than the requests do
        target = served_target(saturation_rate)
        values["autoscaling"]["enabled"] = False
        values["keda"] = {
            "enabled": True,
            "serverAddress": prometheus_url,
            "query": served_query(namespace, release, target),
        }
    memory = f"{plan.whole('memory_mebibytes')}Mi"
    more = {"EKIBEN_RELEASE__RESOURCES__MEMORY": memory}
    return Asked({**_settings(values, low, high, percent), **more}, "", low)


def served_target(saturation_rate: float) -> float:
    """Requests per second that one replica is for where somebody guesses it."""
    return SERVED_SHARE * saturation_rate


def served_query(namespace: str, release: str, target_rate: float) -> str:
    """Requests served per second over a minute, over the target: replicas, of which the threshold is 1.

    Source: https://keda.sh/docs/latest/scalers/prometheus/, whose example is a rate of requests
    """
    series = f"{metrics.REQUEST_DURATION.name}_count"
    matchers = f'namespace="{namespace}",release="{release}",{PREDICTING}'
    return f"sum(rate({series}{{{matchers}}}[{SERVED_WINDOW}])) / {target_rate:.4f}"


def _settings(values: Mapping[str, Any], low: int, high: int, percent: int) -> dict[str, str]:
    """Settings without a plan: request is limit, as the chart has it and as percentages are guessed of it."""
    cpu = f"{LIMIT_MILLICORES}m"
    return {
        "EKIBEN_RELEASE__VALUES": json.dumps({**values, "env": _ENVIRONMENT}),
        "EKIBEN_RELEASE__RESOURCES__CPU_REQUEST": cpu,
        "EKIBEN_RELEASE__RESOURCES__CPU_LIMIT": cpu,
        "EKIBEN_SCALE__MIN_REPLICAS": str(low),
        "EKIBEN_SCALE__MAX_REPLICAS": str(high),
        "EKIBEN_SCALE__TARGET_CPU_PERCENT": str(percent),
        "EKIBEN_SCALE__SCALE_DOWN_WINDOW_SECONDS": str(_DEFAULT_DOWN_SECONDS),
    }
