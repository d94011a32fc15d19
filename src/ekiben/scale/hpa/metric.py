"""What an HPA scales on, and what was read of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ekiben.errors import ConfigError
from ekiben.scale.hpa.pods import Reading

Kind = Literal["Resource", "ContainerResource", "Pods", "Object", "External"]
TargetKind = Literal["Utilization", "AverageValue", "Value"]

_TARGETS: dict[Kind, tuple[TargetKind, ...]] = {
    "Resource": ("Utilization", "AverageValue"),
    "ContainerResource": ("Utilization", "AverageValue"),
    "Pods": ("AverageValue",),
    "Object": ("Value", "AverageValue"),
    "External": ("Value", "AverageValue"),
}


@dataclass(frozen=True, slots=True)
class Metric:
    """One entry of `spec.metrics`.

    Attributes:
        kind: Its `type`.
        name: Of the resource or the metric.
        target: Kind of target.
        value: Above 0; whole percents for a utilisation, else thousandths.
        container: Of a ContainerResource.

    Raises:
        ConfigError: A target that the kind does not have, or not above 0.
    """

    kind: Kind
    name: str
    target: TargetKind
    value: int
    container: str = ""

    def __post_init__(self) -> None:
        if self.target not in _TARGETS.get(self.kind, ()):
            known = ", ".join(f"{kind} {' or '.join(targets)}" for kind, targets in _TARGETS.items())
            raise ConfigError(
                f"expected a metric and a target of it ({known}), found {self.kind} {self.target}"
            )
        if self.value <= 0:
            raise ConfigError(f"expected a target above 0 for {self.name}, found {self.value}")
        if (self.kind == "ContainerResource") != bool(self.container):
            raise ConfigError(f"expected a container with ContainerResource alone, found {self.container!r}")


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one metric alone would do.

    Attributes:
        replicas: How many it asks for, before all limits.
        percent: Utilisation in whole percents; None where the target is none.
        average_milli: Use per pod, thousandths; None where the target is a `Value`.
        total_milli: Use of all, thousandths; None where the target is not a `Value`.
    """

    replicas: int
    percent: int | None = None
    average_milli: int | None = None
    total_milli: int | None = None


PerPod = Mapping[str, Reading]
Totals = tuple[int, ...]  # one for an Object; as many as match for External: thousandths
Found = PerPod | Totals | None  # None: the metric's API did not answer
