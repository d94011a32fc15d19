"""Objectives as recorded series: rules read them, so that no rule changes with a release.

The chart records the same series from its values (`prometheusRule` in `values.yaml`).

Source: sloth records objectives beside its alerts, https://sloth.dev/architecture/.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ekiben.errors import ConfigError

AVAILABILITY_RATIO = "ekiben_objective_availability_ratio"
LATENCY_RATIO = "ekiben_objective_latency_ratio"
# Its label `le` names the edge of the buckets that the objective lies on.
LATENCY_SECONDS = "ekiben_objective_latency_seconds"
MIN_REPLICAS = "ekiben_autoscaling_min_replicas"
MAX_REPLICAS = "ekiben_autoscaling_max_replicas"
TARGET_CPU_RATIO = "ekiben_autoscaling_target_cpu_ratio"
# Of a release that scales by demand: requests/s that a replica is to take, and how far the slope looks ahead.
DEMAND_TARGET_RATE = "ekiben_demand_target_rate"
DEMAND_LAG_SECONDS = "ekiben_demand_lag_seconds"
RECORDED = (
    AVAILABILITY_RATIO, LATENCY_RATIO, LATENCY_SECONDS, MIN_REPLICAS, MAX_REPLICAS, TARGET_CPU_RATIO,
)  # fmt: skip
AIMS = (DEMAND_TARGET_RATE, DEMAND_LAG_SECONDS)
GROUP = "ekiben.objectives"
# Below, 14.4 times the budget is more than all requests: the fastest alert could not fire.
LEAST_RATIO = 0.94


@dataclass(frozen=True, slots=True)
class Objective:
    """What a release promises.

    Attributes:
        availability_ratio: Share of requests that are answered, neither failed nor given up, 0.94 to below 1.
        latency_ratio: Share of answers that come within `latency_seconds`, 0.94 to below 1.
        latency_seconds: Seconds; an edge of the pods' buckets. None: no objective of latency.
        replicas: Fewest and most replicas of its autoscaler; None without one.
        target_cpu_percent: CPU use of a replica that the autoscaler steers to, % of its request; None for
            another metric.

    Raises:
        ConfigError: A value is out of its bounds.

    Source: defaults are the SRE workbook's example of an objective,
    https://sre.google/workbook/implementing-slos/.
    """

    availability_ratio: float = 0.999
    latency_ratio: float = 0.99
    latency_seconds: float | None = None
    replicas: tuple[int, int] | None = None
    target_cpu_percent: int | None = None

    def __post_init__(self) -> None:
        for name in ("availability_ratio", "latency_ratio"):
            ratio = getattr(self, name)
            if not LEAST_RATIO <= ratio < 1:
                raise ConfigError(f"expected {name} from {LEAST_RATIO} to below 1, found {ratio!r}")
        if self.latency_seconds is not None and not self.latency_seconds > 0:
            raise ConfigError(f"expected latency_seconds above 0, found {self.latency_seconds!r}")
        if self.replicas is not None and not 0 < self.replicas[0] <= self.replicas[1]:
            raise ConfigError(f"expected 0 < fewest <= most replicas, found {self.replicas!r}")
        if self.target_cpu_percent is not None and self.target_cpu_percent < 1:
            raise ConfigError(f"expected target_cpu_percent of 1 or more, found {self.target_cpu_percent!r}")


def group(namespace: str, release: str, objective: Objective) -> dict[str, Any]:
    """Give the rule group that records what one release promises.

    Args:
        namespace: Of the release.
        release: Its name.
        objective: What it promises.
    """
    labels = {"namespace": namespace, "release": release}
    values: list[tuple[str, float, dict[str, str]]] = [
        (AVAILABILITY_RATIO, objective.availability_ratio, {}),
    ]
    if objective.latency_seconds is not None:
        edge = repr(float(objective.latency_seconds))  # as the pods write it
        values += [
            (LATENCY_RATIO, objective.latency_ratio, {}),
            (LATENCY_SECONDS, objective.latency_seconds, {"le": edge}),
        ]
    if objective.replicas is not None:
        values += zip((MIN_REPLICAS, MAX_REPLICAS), objective.replicas, ({}, {}), strict=True)
    if objective.target_cpu_percent is not None:
        values.append((TARGET_CPU_RATIO, objective.target_cpu_percent / 100, {}))
    return {
        "name": GROUP,
        "rules": [
            {"record": name, "expr": f"vector({value:g})", "labels": {**labels, **more}}
            for name, value, more in values
        ],
    }
