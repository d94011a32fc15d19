"""An HPA's spec, and the controller's flags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from ekiben.errors import ConfigError
from ekiben.scale.hpa import quantity
from ekiben.scale.hpa.behavior import DEFAULT_DOWN, DEFAULT_UP, Behavior, Policy, Rules
from ekiben.scale.hpa.metric import Metric
from ekiben.scale.hpa.pods import ReadinessWindows
from ekiben.scale.hpa.tolerance import DEFAULT_RATIO, Tolerances

_BLOCKS = {
    "Resource": "resource",
    "ContainerResource": "containerResource",
    "Pods": "pods",
    "Object": "object",
    "External": "external",
}
_DEFAULT_METRIC = Metric("Resource", "cpu", "Utilization", 80)


@dataclass(frozen=True, slots=True)
class Flags:
    """What kube-controller-manager is told for all HPAs (`--horizontal-pod-autoscaler-...`).

    Attributes:
        tolerance_ratio: `tolerance`.
        downscale_stabilization_seconds: `downscale-stabilization`.
        readiness: `cpu-initialization-period` and `initial-readiness-delay`.

    Source: https://kubernetes.io/docs/reference/command-line-tools-reference/kube-controller-manager/
    """

    tolerance_ratio: float = DEFAULT_RATIO
    downscale_stabilization_seconds: float = 300.0
    readiness: ReadinessWindows = field(default_factory=ReadinessWindows)


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """The spec of an HPA.

    Attributes:
        max_replicas: `min_replicas` and up, at least 1.
        metrics: At least one.
        min_replicas: 0 and up; 0 needs the feature gate HPAScaleToZero and an Object or External metric.
        behavior: None where the spec has none; that is not the same as the default behavior.

    Raises:
        ConfigError: Outside of these.
    """

    max_replicas: int
    metrics: tuple[Metric, ...] = (_DEFAULT_METRIC,)
    min_replicas: int = 1
    behavior: Behavior | None = None

    def __post_init__(self) -> None:
        if self.min_replicas < 0 or self.max_replicas < max(1, self.min_replicas):
            raise ConfigError(
                "expected minReplicas of 0 or more and maxReplicas of at least that and 1, "
                f"found {self.min_replicas} and {self.max_replicas}"
            )
        if not self.metrics:
            raise ConfigError("expected at least one metric, found none")
        if self.min_replicas == 0 and not any(each.kind in ("Object", "External") for each in self.metrics):
            raise ConfigError("expected an Object or External metric with minReplicas 0, found none")

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> Self:
        """Read `spec` of an `autoscaling/v2` manifest, with the API server's defaults.

        Raises:
            ConfigError: A field is missing, or its value cannot be.
        """
        try:
            behavior = spec.get("behavior")
            least = spec.get("minReplicas")
            return cls(
                int(spec["maxReplicas"]),
                tuple(_metric(each) for each in spec.get("metrics") or ()) or (_DEFAULT_METRIC,),
                1 if least is None else int(least),
                None
                if behavior is None
                else Behavior(
                    _rules(behavior.get("scaleUp"), DEFAULT_UP),
                    _rules(behavior.get("scaleDown"), DEFAULT_DOWN),
                ),
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ConfigError(
                f"expected the spec of an autoscaling/v2 HPA, found one without or with a wrong {error}"
            ) from error

    def tolerances(self, flags: Flags) -> Tolerances:
        """Its own where it has them, the controller's flag otherwise."""
        down = None if self.behavior is None else self.behavior.down.tolerance_ratio
        up = None if self.behavior is None else self.behavior.up.tolerance_ratio
        default = flags.tolerance_ratio
        return Tolerances(default if down is None else down, default if up is None else up)


def _metric(entry: Mapping[str, Any]) -> Metric:
    kind = entry["type"]
    if kind not in _BLOCKS:
        raise ConfigError(f"expected a metric of type {', '.join(_BLOCKS)}, found {kind!r}")
    block = entry[_BLOCKS[kind]]
    target = block["target"]
    name = block["name"] if kind in ("Resource", "ContainerResource") else block["metric"]["name"]
    # Which field counts where a manifest sets several is up to the kind, as in the controller.
    if kind == "Object":
        found = str(target["type"])
    elif target.get("averageValue") is not None:
        found = "AverageValue"
    else:
        found = "Utilization" if kind.endswith("Resource") else "Value"
    field = {"AverageValue": "averageValue", "Utilization": "averageUtilization", "Value": "value"}[found]
    value = int(target[field]) if found == "Utilization" else quantity.milli(target[field])
    return Metric(kind, name, found, value, block.get("container", ""))  # type: ignore[arg-type]  # checked by Metric


def _rules(block: Mapping[str, Any] | None, default: Rules) -> Rules:
    block = block or {}
    policies = block.get("policies")
    window, tolerance = block.get("stabilizationWindowSeconds"), block.get("tolerance")
    return Rules(
        default.policies
        if policies is None
        else tuple(Policy(each["type"], int(each["value"]), int(each["periodSeconds"])) for each in policies),
        block.get("selectPolicy") or default.select,
        default.window_seconds if window is None else int(window),
        None if tolerance is None else quantity.approximate(tolerance),
    )
