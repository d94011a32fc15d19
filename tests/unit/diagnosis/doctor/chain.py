"""A sound release as facts, each of which a test may change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from ekiben import config
from ekiben.clients.connection import Answer
from ekiben.clients.facts.exposure import Endpoint, Monitor, Service, ServicePort
from ekiben.clients.facts.scaling import ApiService, PodUsage, ScaledObject, Scaler
from ekiben.clients.facts.workload import Container, Deployment, Probe, Replica, State
from ekiben.clients.objects import Condition, Event
from ekiben.clients.prometheus import Target, Value
from ekiben.config import ModelConfig
from ekiben.diagnosis.doctor import walk
from ekiben.diagnosis.doctor.link import Checkup
from ekiben.errors import ClusterError, NoDataError
from ekiben.identifiers import ClusterAddress

Told = TypeVar("Told")
ROOT = Path(__file__).resolve().parents[4]
NOW = 1_800_000_000.0
LABELS = {"app.kubernetes.io/name": "model-server", "app.kubernetes.io/instance": "iris"}
ADDRESS = ClusterAddress("ekiben-local", Path("/k"), prometheus_url="http://p:9090")
CONTAINER = Container(
    "model-server",
    "r/iris@sha256:1",
    {"http": 3000, "metrics": 3002},
    {"cpu": "120m", "memory": "512Mi"},
    {"cpu": "300m"},
    Probe(0, 1, 120),
    Probe(0, 2, 2),
)
STATE = State("model-server", started=True, since=NOW - 3590)
FIT = (
    Condition("AbleToScale", "True", "ReadyForNewScale", ""),
    Condition("ScalingActive", "True", "ValidMetricFound", ""),
    Condition("ScalingLimited", "False", "DesiredWithinRange", ""),
)
SPEC: Mapping[str, Any] = {
    "scaleTargetRef": {"kind": "Deployment", "name": "iris"},
    "minReplicas": 2,
    "maxReplicas": 6,
    "metrics": [
        {
            "type": "Resource",
            "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}},
        }
    ],
}


def model() -> ModelConfig:
    """The flagship's own configuration."""
    return config.load("iris", ROOT)


def pod(name: str, **fields: Any) -> Replica:
    """A pod that has been ready for an hour."""
    found: dict[str, Any] = {
        "template_hash": "abc", "labels": {**LABELS, "pod-template-hash": "abc"},
        "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "3002"}, "address": "10.0.0.1",
        "created_at": NOW - 3600, "started_at": NOW - 3599, "ready": True, "ready_since": NOW - 3580,
        "containers": (CONTAINER,), "states": (STATE,),
    }  # fmt: skip
    return Replica(name, **(found | fields))


def readings(percent: int) -> tuple[Mapping[str, Any], ...]:
    """The status of an HPA on CPU."""
    return ({"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": percent}}},)


def scaler(*conditions: Condition, **fields: Any) -> Scaler:
    """An HPA that is content, with 55 % of the request in use."""
    found: dict[str, Any] = {"spec": SPEC, "current": 2, "desired": 2, "readings": readings(55)}
    place = {"name": "iris", "target_kind": "Deployment", "target_name": "iris"}
    return Scaler(**(place | found | fields), conditions=conditions or FIT)


def event(
    kind: str, name: str, reason: str, message: str = "", *, ago: float = 60.0, warning: bool = True
) -> Event:
    """An event so many seconds ago."""
    return Event(kind, name, reason, message, warning, datetime.fromtimestamp(NOW - ago, UTC))


@dataclass
class Cluster:
    """A cluster with one sound release."""

    deployed: Deployment | None = field(
        default_factory=lambda: Deployment("iris", LABELS, LABELS, {}, (CONTAINER,), 2, 2, 2, 2)
    )
    pods: tuple[Replica, ...] = field(default_factory=lambda: (pod("iris-a"), pod("iris-b")))
    happened: tuple[Event, ...] = ()
    served: Service | None = field(
        default_factory=lambda: Service(
            "iris", LABELS, LABELS, (ServicePort("http", 80, "http"), ServicePort("metrics", 3002, "metrics"))
        )
    )
    behind: tuple[Endpoint, ...] = field(
        default_factory=lambda: tuple(
            Endpoint(name, True, frozenset({"http", "metrics"})) for name in ("iris-a", "iris-b")
        )
    )
    answer: Answer | ClusterError = field(default_factory=lambda: Answer(200, "application/json", b"{}"))
    watched: tuple[Monitor, ...] = ()
    hpas: tuple[Scaler, ...] = field(default_factory=lambda: (scaler(),))
    objects: tuple[ScaledObject, ...] = ()
    api: ApiService | ClusterError | None = field(
        default_factory=lambda: ApiService("v1beta1.metrics.k8s.io", "kube-system/metrics-server", True)
    )
    used: tuple[PodUsage, ...] | ClusterError = field(
        default_factory=lambda: tuple(
            PodUsage(name, NOW - 10, 15, {"model-server": {"cpu": "66m"}}) for name in ("iris-a", "iris-b")
        )
    )
    away: ClusterError | None = None
    asleep: int = 1

    def version(self) -> str:
        if self.away is not None:
            raise self.away
        return "v1.35.4"

    def deployment(self, namespace: str, name: str) -> Deployment | None:
        if namespace == "kube-system":
            return Deployment(name, {}, wanted=self.asleep)
        assert (namespace, name) == ("models", "iris")
        return self.deployed

    def replicas(self, namespace: str, selector: Mapping[str, str]) -> tuple[Replica, ...]:
        assert (namespace, selector) == ("models", LABELS)
        return self.pods

    def events(self, namespace: str, name: str = "") -> tuple[Event, ...]:
        assert (namespace, name) == ("models", "")
        return self.happened

    def service(self, namespace: str, name: str) -> Service | None:
        assert (namespace, name) == ("models", "iris")
        return self.served

    def endpoints(self, namespace: str, service: str) -> tuple[Endpoint, ...]:
        assert (namespace, service) == ("models", "iris")
        return self.behind

    def service_request(
        self, namespace: str, service: str, path: str, body: Any = None, *, port: str = "http"
    ) -> Answer:
        assert (namespace, service, path, body, port) == ("models", "iris", "/readyz", None, "http")
        return _told(self.answer)

    def monitors(self, namespace: str, release: str) -> tuple[Monitor, ...]:
        assert (namespace, release) == ("models", "iris")
        return self.watched

    def scalers(self, namespace: str) -> tuple[Scaler, ...]:
        assert namespace == "models"
        return self.hpas

    def scaled_objects(self, namespace: str) -> tuple[ScaledObject, ...]:
        assert namespace == "models"
        return self.objects

    def api_service(self, name: str) -> ApiService | None:
        assert name == "v1beta1.metrics.k8s.io"
        return _told(self.api)

    def pod_usages(self, namespace: str, selector: Mapping[str, str]) -> tuple[PodUsage, ...]:
        assert (namespace, selector) == ("models", LABELS)
        return _told(self.used)


def _told(found: Told | ClusterError) -> Told:
    if isinstance(found, ClusterError):
        raise found
    return found


@dataclass
class Metrics:
    """Prometheus with that release's series, by a word of the query."""

    url: str = "http://p:9090"
    answers: dict[str, tuple[Value, ...]] = field(
        default_factory=lambda: {
            "throttled": (Value({"pod": "iris-a"}, 0.02), Value({"pod": "iris-b"}, 0.05)),
            "container_cpu_usage": (Value({"pod": "iris-a"}, 0.1), Value({"pod": "iris-b"}, 0.14)),
            "count by (version)": (Value({"version": "1"}, 2),),
            "_duration_seconds_count": (Value({}, 12.5),),
        }
    )
    scraped: tuple[Target, ...] = field(
        default_factory=lambda: tuple(
            Target("models", name, "http://10.0.0.1:3002/metrics", "up", "",
                   {"namespace": "models", "release": "iris", "pod": name})
            for name in ("iris-a", "iris-b")
        )
    )  # fmt: skip
    error: NoDataError | None = None

    def targets(self) -> tuple[Target, ...]:
        if self.error is not None:
            raise self.error
        return self.scraped

    def values(self, query: str, *, at: float | None = None) -> tuple[Value, ...]:
        if self.error is not None:
            raise self.error
        for word, found in self.answers.items():
            if word in query:
                return found
        raise NoDataError(f"nothing at {at}")


def examine(cluster: Cluster, metrics: Metrics | None = None) -> Checkup:
    """Walk the chain, without waiting for the second look."""
    return walk.doctor(
        model(),
        ADDRESS,
        namespace="models",
        cluster=cluster,
        prometheus=metrics or Metrics(),
        now=lambda: NOW,
        pause=lambda _seconds: None,
    )


def said(checkup: Checkup, link: str) -> str:
    """What was found of one link, and its remedy."""
    found = next(one for one in checkup.findings if one.link == link)
    return f"{found.found} | {found.remedy}"
