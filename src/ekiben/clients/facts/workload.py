"""A Deployment and its pods, as far as a diagnosis looks at them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ekiben.clients.facts.document import Document, block, condition, conditions, seconds
from ekiben.clients.objects import Condition


@dataclass(frozen=True, slots=True)
class Probe:
    """How often a container is asked, and how long it may fail.

    Attributes:
        delay_seconds: Before the first question.
        period_seconds: Between two questions.
        failures: In a row, until it counts.
    """

    delay_seconds: float = 0.0
    period_seconds: float = 10.0
    failures: int = 3

    @property
    def patience_seconds(self) -> float:
        """Longest time that it may fail without a consequence."""
        return self.delay_seconds + self.period_seconds * self.failures


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a pod's spec.

    Attributes:
        name: Its name.
        image: What it runs.
        ports: Numbers by name; ports without a name are left out.
        requests: Kubernetes quantities by resource.
        limits: The same.
        startup: Its startup probe.
        readiness: Its readiness probe.
    """

    name: str
    image: str = ""
    ports: Mapping[str, int] = field(default_factory=dict)
    requests: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)
    startup: Probe | None = None
    readiness: Probe | None = None


@dataclass(frozen=True, slots=True)
class State:
    """How a container is.

    Attributes:
        name: Its name.
        started: It runs, and its startup probe has passed.
        since: When it began to run, seconds since the epoch; None while it does not.
        restarts: How often it was started again.
        waiting: Why it does not run, e.g. `CrashLoopBackOff`; empty if it runs.
        message: The same at length.
        ended: Why it ended last, e.g. `OOMKilled`; empty if it never did.
        ended_at: When, seconds since the epoch.
        exit_code: Status of its last end.
        last_words: What it wrote to its termination log.
    """

    name: str
    started: bool = False
    since: float | None = None
    restarts: int = 0
    waiting: str = ""
    message: str = ""
    ended: str = ""
    ended_at: float | None = None
    exit_code: int | None = None
    last_words: str = ""


@dataclass(frozen=True, slots=True)
class Replica:
    """One pod of a Deployment; all times are seconds since the epoch.

    Attributes:
        name: Its name.
        template_hash: Which ReplicaSet made it.
        labels: Its labels.
        annotations: Its annotations.
        address: Its IP address; empty before it has one.
        phase: Pending, Running, Succeeded, Failed or Unknown.
        reason: Why it is in that phase, e.g. `Evicted`; mostly empty.
        ending: It was told to end.
        created_at: When it was made.
        started_at: When a kubelet took it.
        ready: Its condition Ready; None where that is not there or unknown.
        ready_since: When that changed last.
        unschedulable: Why no node takes it; empty if one did.
        containers: As in its spec.
        states: As in its status.
        pod_requests: Requests of the pod as a whole.
    """

    name: str
    template_hash: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    phase: str = "Running"
    reason: str = ""
    ending: bool = False
    created_at: float = 0.0
    started_at: float | None = None
    ready: bool | None = None
    ready_since: float | None = None
    unschedulable: str = ""
    containers: tuple[Container, ...] = ()
    states: tuple[State, ...] = ()
    pod_requests: Mapping[str, str] = field(default_factory=dict)

    @property
    def serves(self) -> bool:
        """Ready, and not told to end."""
        return self.ready is True and not self.ending


@dataclass(frozen=True, slots=True)
class Deployment:
    """A Deployment.

    Attributes:
        name: Its name.
        selector: Labels of its pods.
        labels: Labels that it gives its pods.
        annotations: Annotations that it gives its pods.
        containers: Of its pods.
        wanted: Replicas asked for.
        total: Replicas that there are.
        ready: Of those, the ready ones.
        updated: Of those, the ones of the newest template.
        conditions: Available, Progressing, ReplicaFailure.
    """

    name: str
    selector: Mapping[str, str]
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    containers: tuple[Container, ...] = ()
    wanted: int = 1
    total: int = 0
    ready: int = 0
    updated: int = 0
    conditions: tuple[Condition, ...] = ()

    @property
    def refusal(self) -> str:
        """Why the API server refuses new pods; empty if it does not."""
        found = condition(self.conditions, "ReplicaFailure")
        return found.message or found.reason if found is not None and found.status == "True" else ""

    @property
    def stalled(self) -> bool:
        """Whether its rollout made no progress within its deadline."""
        found = condition(self.conditions, "Progressing")
        return found is not None and found.reason == "ProgressDeadlineExceeded"


def deployment(document: Document) -> Deployment:
    """Read a Deployment."""
    spec, status = block(document, "spec"), block(document, "status")
    template = block(spec, "template", "metadata")
    return Deployment(
        document["metadata"]["name"],
        block(spec, "selector", "matchLabels"),
        template.get("labels") or {},
        template.get("annotations") or {},
        containers(block(spec, "template", "spec")),
        spec.get("replicas", 1),
        status.get("replicas", 0),
        status.get("readyReplicas", 0),
        status.get("updatedReplicas", 0),
        conditions(document),
    )


def replica(document: Document) -> Replica:
    """Read a Pod."""
    metadata, spec, status = document["metadata"], block(document, "spec"), block(document, "status")
    said = conditions(document)
    ready, placed = condition(said, "Ready"), condition(said, "PodScheduled")
    changed = {one["type"]: one.get("lastTransitionTime") for one in status.get("conditions") or ()}
    unplaced = placed is not None and placed.status == "False" and placed.reason == "Unschedulable"
    return Replica(
        metadata["name"],
        block(metadata, "labels").get("pod-template-hash", ""),
        block(metadata, "labels"),
        block(metadata, "annotations"),
        status.get("podIP", ""),
        status.get("phase", "Unknown"),
        status.get("reason", ""),
        bool(metadata.get("deletionTimestamp")),
        seconds(metadata.get("creationTimestamp")) or 0.0,
        seconds(status.get("startTime")),
        {"True": True, "False": False}.get(ready.status) if ready else None,
        seconds(changed.get("Ready")),
        (placed.message or placed.reason) if placed is not None and unplaced else "",
        containers(spec),
        tuple(map(_state, status.get("containerStatuses") or ())),
        block(spec, "resources", "requests"),
    )


def containers(spec: Document) -> tuple[Container, ...]:
    """Read the containers of a pod's spec, sidecars that restart among them."""
    sidecars = [one for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always"]
    return tuple(_container(one) for one in (*(spec.get("containers") or ()), *sidecars))


def _container(one: Document) -> Container:
    ports = {port["name"]: port["containerPort"] for port in one.get("ports") or () if port.get("name")}
    return Container(
        one["name"],
        one.get("image", ""),
        ports,
        block(one, "resources", "requests"),
        block(one, "resources", "limits"),
        _probe(one.get("startupProbe")),
        _probe(one.get("readinessProbe")),
    )


def _probe(found: Document | None) -> Probe | None:
    if not found:
        return None
    return Probe(
        found.get("initialDelaySeconds", 0), found.get("periodSeconds", 10), found.get("failureThreshold", 3)
    )


def _state(status: Document) -> State:
    state, last = block(status, "state"), block(status, "lastState")
    waiting = block(state, "waiting")
    ended: dict[str, Any] = state.get("terminated") or last.get("terminated") or {}
    return State(
        status["name"],
        bool(status.get("started")),
        seconds(block(state, "running").get("startedAt")),
        status.get("restartCount", 0),
        waiting.get("reason", "") or ("" if state.get("running") or state.get("terminated") else "unknown"),
        waiting.get("message", ""),
        ended.get("reason", ""),
        seconds(ended.get("finishedAt")),
        ended.get("exitCode"),
        (ended.get("message") or "").strip(),
    )
