"""A Service, who stands behind it, and the monitors that select it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ekiben.clients.facts.document import Document, block


@dataclass(frozen=True, slots=True)
class ServicePort:
    """One port of a Service.

    Attributes:
        name: Its name.
        number: The Service's own.
        target: Name or number of the pods' port.
    """

    name: str
    number: int
    target: str | int


@dataclass(frozen=True, slots=True)
class Service:
    """A Service.

    Attributes:
        name: Its name.
        labels: Its labels: a ServiceMonitor selects by them.
        selector: Labels of the pods that it sends to.
        ports: At least one.
    """

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    selector: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[ServicePort, ...] = ()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address behind a Service.

    Attributes:
        pod: Name of the pod; empty if it is none.
        ready: It gets traffic.
        ports: Names of the Service's ports that lead to it.
    """

    pod: str
    ready: bool
    ports: frozenset[str]


@dataclass(frozen=True, slots=True)
class Monitor:
    """A ServiceMonitor or PodMonitor.

    Attributes:
        kind: Which of the two.
        name: Its name.
        labels: Its labels: Prometheus selects it by them.
        selector: Labels of the Services, or pods, that it wants; None where it selects by expressions.
        ports: Names of the ports that it scrapes.
    """

    kind: str
    name: str
    labels: Mapping[str, str]
    selector: Mapping[str, str] | None
    ports: tuple[str, ...]


def service(document: Document) -> Service:
    """Read a Service."""
    spec = block(document, "spec")
    return Service(
        document["metadata"]["name"],
        block(document, "metadata", "labels"),
        block(spec, "selector"),
        tuple(
            ServicePort(one.get("name", ""), one["port"], one.get("targetPort", one["port"]))
            for one in spec.get("ports") or ()
        ),
    )


def endpoints(document: Document) -> tuple[Endpoint, ...]:
    """Read an EndpointSlice; its ports hold for all its endpoints."""
    ports = frozenset(one.get("name") or "" for one in document.get("ports") or ())
    return tuple(
        Endpoint(
            block(one, "targetRef").get("name", ""), block(one, "conditions").get("ready") is not False, ports
        )
        for one in document.get("endpoints") or ()
    )


def monitor(document: Document, kind: str) -> Monitor:
    """Read a ServiceMonitor or PodMonitor."""
    spec = block(document, "spec")
    selector = block(spec, "selector")
    scraped = spec.get("endpoints" if kind == "ServiceMonitor" else "podMetricsEndpoints") or ()
    return Monitor(
        kind,
        document["metadata"]["name"],
        block(document, "metadata", "labels"),
        None if selector.get("matchExpressions") else block(selector, "matchLabels"),
        tuple(str(one.get("port") or one.get("targetPort") or "") for one in scraped),
    )
