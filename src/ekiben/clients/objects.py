"""What ekiben reads of Kubernetes objects: small frozen values, made from the official client's models.

Nothing here imports `kubernetes`; the models are read by attribute.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

INSTANCE_LABEL = "app.kubernetes.io/instance"
_HASH_LABEL = "pod-template-hash"
_REVISION_ANNOTATION = "deployment.kubernetes.io/revision"


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod of a release, as its first container tells it.

    Attributes:
        name: Name of the pod.
        phase: Pending, Running, Succeeded, Failed or Unknown.
        template_hash: Which ReplicaSet made it.
        ready: The pod's own Ready condition.
        ending: It was told to end.
        image_id: What the runtime says it runs, `repository@sha256:...`; empty before the pull.
        restarts: How often the container was started again.
        waiting_reason: Why the container does not run, e.g. `CrashLoopBackOff`; empty if it runs.
        waiting_message: The same at length.
        exit_code: Status of its last end; None if it never ended.
        exit_reason: E.g. `Error`, `OOMKilled`.
        exit_message: What it wrote to its termination log.
        unschedulable: Why no node takes it; empty if one did.
        http_port: Container port named `http`.
        tls: Whether it speaks TLS, as its readiness probe says.
    """

    name: str
    phase: str = "Pending"
    template_hash: str = ""
    ready: bool = False
    ending: bool = False
    image_id: str = ""
    restarts: int = 0
    waiting_reason: str = ""
    waiting_message: str = ""
    exit_code: int | None = None
    exit_reason: str = ""
    exit_message: str = ""
    unschedulable: str = ""
    http_port: int = 3000
    tls: bool = False

    @property
    def digest(self) -> str:
        """Digest of the image that runs, `sha256:...`; empty before the pull."""
        return self.image_id.rpartition("@")[2] if "@" in self.image_id else self.image_id


@dataclass(frozen=True, slots=True)
class Rollout:
    """How far a Deployment is.

    Attributes:
        generation: Of what was asked for.
        observed_generation: Of what its controller has seen.
        wanted: Replicas asked for (by the HPA, where there is one).
        updated: Replicas of the newest template.
        total: Replicas of any template, those that are ending left out.
        ready: Ready replicas of any template.
        available: Replicas that have been ready for minReadySeconds.
        template_hash: Of the newest template; empty until its ReplicaSet exists.
        refusal: Why the API server refuses new pods (quota, admission); empty if it does not.
        stalled: No progress within progressDeadlineSeconds.
    """

    generation: int
    observed_generation: int
    wanted: int
    updated: int
    total: int
    ready: int
    available: int
    template_hash: str = ""
    refusal: str = ""
    stalled: bool = False

    @property
    def complete(self) -> bool:
        """True when every replica is of the newest template and available.

        Source: kubectl's rollout status, k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go.
        """
        seen = self.observed_generation >= self.generation
        return seen and self.updated == self.wanted == self.total == self.available


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of an object, as the API words it."""

    type: str
    status: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """A HorizontalPodAutoscaler.

    Attributes:
        target_kind: Kind of what it scales.
        target_name: Name of what it scales.
        minimum: Fewest replicas.
        maximum: Most replicas.
        current: Replicas it sees.
        desired: Replicas it wants.
        cpu_percent: Mean CPU use it last saw, % of the request; None if it has no sample.
        conditions: AbleToScale, ScalingActive, ScalingLimited.
    """

    target_kind: str
    target_name: str
    minimum: int
    maximum: int
    current: int
    desired: int
    cpu_percent: int | None
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a namespace.

    Attributes:
        kind: Kind of the object.
        name: Name of the object.
        reason: E.g. `Unhealthy`, `FailedCreate`.
        message: At length.
        warning: Its type is Warning.
        at: Last time it was seen; None if the API did not say.
    """

    kind: str
    name: str
    reason: str
    message: str
    warning: bool
    at: datetime | None


def pod(model: Any) -> Pod:
    """Read a `V1Pod`."""
    status = model.status
    container = (status.container_statuses or [None])[0]
    conditions = {c.type: c for c in status.conditions or []}
    ready = conditions.get("Ready")
    scheduled = conditions.get("PodScheduled")
    unplaced = scheduled is not None and scheduled.status == "False" and scheduled.reason == "Unschedulable"
    return Pod(
        name=model.metadata.name,
        phase=status.phase or "Unknown",
        template_hash=(model.metadata.labels or {}).get(_HASH_LABEL, ""),
        ready=ready is not None and ready.status == "True",
        ending=model.metadata.deletion_timestamp is not None,
        unschedulable=(scheduled.message or "Unschedulable") if scheduled is not None and unplaced else "",
        http_port=_http_port(model),
        tls=_tls(model),
        **_container(container),
    )


def _http_port(model: Any) -> int:
    ports = [port for container in model.spec.containers for port in container.ports or []]
    return next((port.container_port for port in ports if port.name == "http"), 3000)


def _tls(model: Any) -> bool:
    probes = [container.readiness_probe for container in model.spec.containers]
    return any(probe and probe.http_get and probe.http_get.scheme == "HTTPS" for probe in probes)


def _container(status: Any) -> dict[str, Any]:
    if status is None:
        return {}
    state, last = status.state, status.last_state
    waiting = state.waiting if state else None
    ended = (state.terminated if state else None) or (last.terminated if last else None)
    return {
        "image_id": status.image_id or "",
        "restarts": status.restart_count or 0,
        "waiting_reason": (waiting.reason or "") if waiting else "",
        "waiting_message": (waiting.message or "") if waiting else "",
        "exit_code": ended.exit_code if ended else None,
        "exit_reason": (ended.reason or "") if ended else "",
        "exit_message": (ended.message or "").strip() if ended else "",
    }


def rollout(deployment: Any, replica_sets: Iterable[Any]) -> Rollout:
    """Read a `V1Deployment`, with the `V1ReplicaSet`s of its release."""
    status = deployment.status
    conditions = {c.type: c for c in status.conditions or []}
    refusal = conditions.get("ReplicaFailure")
    progressing = conditions.get("Progressing")
    return Rollout(
        generation=deployment.metadata.generation or 0,
        observed_generation=status.observed_generation or 0,
        wanted=1 if deployment.spec.replicas is None else deployment.spec.replicas,
        updated=status.updated_replicas or 0,
        total=status.replicas or 0,
        ready=status.ready_replicas or 0,
        available=status.available_replicas or 0,
        template_hash=_newest(deployment, replica_sets),
        refusal=refusal.message or refusal.reason if refusal and refusal.status == "True" else "",
        stalled=progressing is not None and progressing.reason == "ProgressDeadlineExceeded",
    )


def _newest(deployment: Any, replica_sets: Iterable[Any]) -> str:
    revision = (deployment.metadata.annotations or {}).get(_REVISION_ANNOTATION)
    for one in replica_sets:
        owners = {owner.uid for owner in one.metadata.owner_references or []}
        annotations: Mapping[str, str] = one.metadata.annotations or {}
        if (
            revision
            and deployment.metadata.uid in owners
            and annotations.get(_REVISION_ANNOTATION) == revision
        ):
            return str((one.metadata.labels or {}).get(_HASH_LABEL, ""))
    return ""


def autoscaler(model: Any) -> Autoscaler:
    """Read a `V2HorizontalPodAutoscaler`."""
    spec, status = model.spec, model.status
    used = [
        m.resource.current.average_utilization
        for m in (status.current_metrics if status else None) or []
        if m.resource is not None and m.resource.name == "cpu"
    ]
    conditions = (status.conditions if status else None) or []
    return Autoscaler(
        target_kind=spec.scale_target_ref.kind,
        target_name=spec.scale_target_ref.name,
        minimum=1 if spec.min_replicas is None else spec.min_replicas,
        maximum=spec.max_replicas,
        current=(status.current_replicas if status else None) or 0,
        desired=(status.desired_replicas if status else None) or 0,
        cpu_percent=used[0] if used else None,
        conditions=tuple(Condition(c.type, c.status, c.reason or "", c.message or "") for c in conditions),
    )


def event(model: Any) -> Event:
    """Read a `CoreV1Event`."""
    about = model.involved_object
    return Event(
        kind=about.kind or "",
        name=about.name or "",
        reason=model.reason or "",
        message=(model.message or "").strip(),
        warning=model.type == "Warning",
        at=model.last_timestamp or model.event_time or model.metadata.creation_timestamp,
    )
