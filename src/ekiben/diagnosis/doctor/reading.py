"""Reads the facts that each group of links is judged by; nothing is judged here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ekiben.clients.connection import Answer
from ekiben.clients.facts.exposure import Endpoint, Monitor, Service
from ekiben.clients.facts.scaling import ApiService, PodUsage, ScaledObject, Scaler
from ekiben.clients.facts.workload import Deployment, Replica
from ekiben.clients.objects import Event
from ekiben.clients.prometheus import PrometheusError, Target, Value
from ekiben.config import ModelConfig
from ekiben.diagnosis.doctor import metrics_api
from ekiben.diagnosis.doctor.aftermath import WINDOW_SECONDS, Slowed
from ekiben.diagnosis.doctor.autoscaler import Scaled
from ekiben.diagnosis.doctor.link import FORBIDDEN, Subject
from ekiben.diagnosis.doctor.metrics_api import Metered
from ekiben.diagnosis.doctor.pods import Pods
from ekiben.diagnosis.doctor.scraping import Scraped
from ekiben.diagnosis.doctor.service import PORT, Exposed
from ekiben.errors import ClusterError, NoDataError
from ekiben.observe import queries


class View(Protocol):
    """What doctor and why read of a cluster (`clients.cluster.Cluster` is one)."""

    def version(self) -> str:
        """Return the version of the API server."""

    def deployment(self, namespace: str, name: str) -> Deployment | None:
        """Return a Deployment."""

    def replicas(self, namespace: str, selector: Mapping[str, str]) -> tuple[Replica, ...]:
        """Return pods by their labels."""

    def events(self, namespace: str, name: str = "") -> tuple[Event, ...]:
        """Return events, oldest first."""

    def service(self, namespace: str, name: str) -> Service | None:
        """Return a Service."""

    def endpoints(self, namespace: str, service: str) -> tuple[Endpoint, ...]:
        """Return what stands behind a Service."""

    def service_request(
        self, namespace: str, service: str, path: str, body: Any = None, *, port: str = "http"
    ) -> Answer:
        """Send GET to a Service through the API server."""

    def monitors(self, namespace: str, release: str) -> tuple[Monitor, ...]:
        """Return ServiceMonitors and PodMonitors."""

    def scalers(self, namespace: str) -> tuple[Scaler, ...]:
        """Return all HPAs."""

    def scaled_objects(self, namespace: str) -> tuple[ScaledObject, ...]:
        """Return all ScaledObjects."""

    def api_service(self, name: str) -> ApiService | None:
        """Return an APIService."""

    def pod_usages(self, namespace: str, selector: Mapping[str, str]) -> tuple[PodUsage, ...]:
        """Return what metrics-server knows of pods."""


class Metrics(Protocol):
    """What is asked of Prometheus (`clients.prometheus.Prometheus` is one)."""

    url: str

    def targets(self) -> tuple[Target, ...]:
        """Return what it scrapes."""

    def values(self, query: str, *, at: float | None = None) -> tuple[Value, ...]:
        """Evaluate at one time; raises NoDataError without data."""


def pods(view: View, subject: Subject, deployment: Deployment) -> Pods:
    """Read the pods of a Deployment, and the events of their namespace."""
    return Pods(
        deployment,
        view.replicas(subject.namespace, deployment.selector),
        view.events(subject.namespace),
    )


def exposed(view: View, subject: Subject) -> Exposed:
    """Read the Service, and ask it for /readyz through the API server."""
    service = view.service(subject.namespace, subject.release)
    if service is None:
        return Exposed(None)
    endpoints = view.endpoints(subject.namespace, subject.release)
    if PORT not in {port.name for port in service.ports}:
        return Exposed(service, endpoints)
    try:
        answer = view.service_request(subject.namespace, subject.release, "/readyz", port=PORT)
    except ClusterError as error:
        return Exposed(service, endpoints, silence=str(error))
    return Exposed(service, endpoints, answer)


def scraped(
    view: View, prometheus: Metrics | None, subject: Subject, service: Service | None, window_seconds: int
) -> Scraped:
    """Read Prometheus' targets and the two queries that everything else is built on."""
    if prometheus is None:
        return Scraped("")
    scope = queries.Scope(subject.namespace, subject.release, window_seconds=window_seconds)
    try:
        targets = prometheus.targets()
        serving = total(prometheus, queries.serving_replicas(scope))
        rate = total(prometheus, queries.request_rate(scope))
    except PrometheusError as error:
        return Scraped(prometheus.url, silence=str(error))
    return Scraped(
        prometheus.url, targets, "", serving, rate, _monitors(view, subject), service
    )  # fmt: skip


def metered(view: View, subject: Subject, pods: Pods, scaled: Scaled) -> Metered:
    """Read the metrics API."""
    own = scaled.own(subject.release)
    read = scaled.expected if own is None else _on_use(own)
    if not read:
        return Metered(None, read=False)
    service = view.api_service(metrics_api.NAME)
    if service is None or not service.available:
        return Metered(service, behind=behind(view, service))
    try:
        usages = view.pod_usages(subject.namespace, pods.deployment.selector)
    except ClusterError as error:
        return Metered(service, silence=str(error))
    return Metered(service, usages)


def behind(view: View, service: ApiService | None) -> Deployment | None:
    """Read the Deployment behind an API that is not reached; None where that is not ours to read."""
    if service is None or service.available or not service.backend:
        return None
    namespace, _, name = service.backend.partition("/")
    try:
        return view.deployment(namespace, name)
    except ClusterError:
        return None


def scaled(view: View, prometheus: Metrics | None, subject: Subject, config: ModelConfig) -> Scaled:
    """Read the HPAs and ScaledObjects."""
    values = config.release.values
    on = [
        values.get(name, {}).get("enabled", default)
        for name, default in (("autoscaling", True), ("keda", False))
    ]
    objects = view.scaled_objects(subject.namespace)
    asked = [
        trigger.query
        for one in objects
        if one.target_name == subject.release
        for trigger in one.triggers
        if trigger.query
    ]
    blind = tuple(query for query in asked if prometheus and total(prometheus, query) is None)
    return Scaled(view.scalers(subject.namespace), objects, any(on), config.scale.min_replicas, blind)


def slowed(prometheus: Metrics | None, subject: Subject) -> Slowed:
    """Read by how much the CPU limit holds pods back."""
    if prometheus is None:
        return Slowed()
    scope = queries.Scope(subject.namespace, subject.release, window_seconds=WINDOW_SECONDS)
    try:
        found = prometheus.values(queries.throttled_ratio(scope))
    except NoDataError:
        return Slowed()
    return Slowed({one.labels.get("pod", ""): one.value for one in found})


def total(prometheus: Metrics, query: str) -> float | None:
    """Sum of a query's series; None for no data.

    Raises:
        PrometheusError: Not reached, or refused.
    """
    try:
        return sum(one.value for one in prometheus.values(query))
    except PrometheusError:
        raise
    except NoDataError:
        return None


def _on_use(scaler: Scaler) -> bool:
    """Whether an HPA scales on CPU or memory; one without metrics does, on CPU."""
    metrics = scaler.spec.get("metrics")
    return not metrics or any("Resource" in str(one.get("type")) for one in metrics)


def _monitors(view: View, subject: Subject) -> tuple[Monitor, ...]:
    try:
        return view.monitors(subject.namespace, subject.release)
    except ClusterError as error:
        if error.status in FORBIDDEN:  # then what the pods say of themselves has to do
            return ()
        raise
