"""What scales a Deployment: HPAs, KEDA's ScaledObjects, and the metrics API that they read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ekiben.clients.facts.document import Document, block, conditions, seconds
from ekiben.clients.objects import Condition

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_DURATION = re.compile(r"([\d.]+)(h|ms|m|us|µs|ns|s)")


@dataclass(frozen=True, slots=True)
class Scaler:
    """A HorizontalPodAutoscaler.

    Attributes:
        name: Its name.
        target_kind: Kind of what it scales.
        target_name: Name of what it scales.
        spec: As the API writes it (autoscaling/v2): what `scale.hpa` reads.
        current: Replicas that it saw.
        desired: Replicas that it wants.
        rescaled_at: When it last changed them, seconds since the epoch; None if it never did.
        readings: `status.currentMetrics`, as the API writes them.
        conditions: AbleToScale, ScalingActive, ScalingLimited.
    """

    name: str
    target_kind: str
    target_name: str
    spec: Mapping[str, Any]
    current: int = 0
    desired: int = 0
    rescaled_at: float | None = None
    readings: tuple[Mapping[str, Any], ...] = ()
    conditions: tuple[Condition, ...] = ()

    @property
    def minimum(self) -> int:
        """Fewest replicas."""
        found = self.spec.get("minReplicas")
        return 1 if found is None else int(found)

    @property
    def maximum(self) -> int:
        """Most replicas."""
        return int(self.spec["maxReplicas"])


@dataclass(frozen=True, slots=True)
class Trigger:
    """One trigger of a ScaledObject.

    Attributes:
        kind: Its type, e.g. `prometheus`.
        query: PromQL of a Prometheus trigger; empty for others.
    """

    kind: str
    query: str = ""


@dataclass(frozen=True, slots=True)
class ScaledObject:
    """KEDA's ScaledObject.

    Attributes:
        name: Its name.
        target_name: What it scales.
        scaler: Name of the HPA that it makes.
        paused: Somebody told it to pause.
        triggers: What it scales on.
        conditions: Ready, Active, Fallback, Paused.
    """

    name: str
    target_name: str
    scaler: str
    paused: bool = False
    triggers: tuple[Trigger, ...] = ()
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class ApiService:
    """An API of the cluster that another program answers.

    Attributes:
        name: E.g. `v1beta1.metrics.k8s.io`.
        backend: `namespace/name` of the Service behind it; empty if the API server answers itself.
        available: The API server reaches it.
        reason: Why it is not.
        message: The same at length.
    """

    name: str
    backend: str
    available: bool
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class PodUsage:
    """What metrics-server knows of one pod.

    Attributes:
        pod: Its name.
        at: End of the sample, seconds since the epoch.
        window_seconds: Its length.
        containers: Kubernetes quantities by container, then resource.
    """

    pod: str
    at: float
    window_seconds: float
    containers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def scaler(document: Document) -> Scaler:
    """Read a HorizontalPodAutoscaler of autoscaling/v2."""
    spec, status = block(document, "spec"), block(document, "status")
    target = block(spec, "scaleTargetRef")
    return Scaler(
        document["metadata"]["name"],
        target.get("kind", ""),
        target.get("name", ""),
        spec,
        status.get("currentReplicas", 0),
        status.get("desiredReplicas", 0),
        seconds(status.get("lastScaleTime")),
        tuple(status.get("currentMetrics") or ()),
        conditions(document),
    )


def scaled_object(document: Document) -> ScaledObject:
    """Read a ScaledObject of keda.sh/v1alpha1."""
    metadata, spec = document["metadata"], block(document, "spec")
    configured = block(spec, "advanced", "horizontalPodAutoscalerConfig").get("name")
    annotations = block(metadata, "annotations")
    return ScaledObject(
        metadata["name"],
        block(spec, "scaleTargetRef").get("name", ""),
        block(document, "status").get("hpaName") or configured or f"keda-hpa-{metadata['name']}",
        any(key.startswith("autoscaling.keda.sh/paused") for key in annotations),
        tuple(
            Trigger(one.get("type", ""), str(block(one, "metadata").get("query", "")))
            for one in spec.get("triggers") or ()
        ),
        conditions(document),
    )


def api_service(document: Document) -> ApiService:
    """Read an APIService of apiregistration.k8s.io/v1."""
    behind = block(document, "spec", "service")
    said = next((one for one in conditions(document) if one.type == "Available"), None)
    return ApiService(
        document["metadata"]["name"],
        f"{behind['namespace']}/{behind['name']}" if behind else "",
        said is not None and said.status == "True",
        said.reason if said else "",
        said.message if said else "",
    )


def pod_usage(document: Document) -> PodUsage:
    """Read a PodMetrics of metrics.k8s.io/v1beta1."""
    return PodUsage(
        document["metadata"]["name"],
        seconds(document.get("timestamp")) or 0.0,
        _window(document.get("window", "0s")),
        {one["name"]: block(one, "usage") for one in document.get("containers") or ()},
    )


def _window(text: str) -> float:
    """Read a duration as Go writes it, e.g. `1m2.5s`."""
    return sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(text))
