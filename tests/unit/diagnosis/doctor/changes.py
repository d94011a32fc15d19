"""Ways to change a sound release, and states of its pods."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.unit.diagnosis.doctor.chain import (
    CONTAINER,
    FIT,
    LABELS,
    NOW,
    STATE,
    Cluster,
    Metrics,
    pod,
    scaler,
)

from ekiben.clients.facts.exposure import Service, ServicePort
from ekiben.clients.facts.workload import Deployment
from ekiben.clients.objects import Condition
from ekiben.clients.prometheus import Value

Change = Callable[[Cluster, Metrics], None]


def cluster(**fields: Any) -> Change:
    def change(cluster: Cluster, _metrics: Metrics) -> None:
        for name, value in fields.items():
            setattr(cluster, name, value)

    return change


def pods(**fields: Any) -> Change:
    return cluster(pods=(pod("iris-a", **fields), pod("iris-b")))


def metrics(**fields: Any) -> Change:
    def change(_cluster: Cluster, metrics: Metrics) -> None:
        for name, value in fields.items():
            setattr(metrics, name, value)

    return change


def deployment(**fields: Any) -> Change:
    found = Deployment("iris", LABELS, LABELS, {}, (CONTAINER,), 2, 2, 2, 2)
    return cluster(deployed=replace(found, **fields))


def both(*changes: Change) -> Change:
    def change(cluster: Cluster, metrics: Metrics) -> None:
        for one in changes:
            one(cluster, metrics)

    return change


def throttled(share: float) -> Change:
    def change(_cluster: Cluster, metrics: Metrics) -> None:
        metrics.answers["throttled"] = (Value({"pod": "iris-a"}, share),)

    return change


def service(**fields: Any) -> Change:
    ports = (ServicePort("http", 80, "http"), ServicePort("metrics", 3002, "metrics"))
    return cluster(served=replace(Service("iris", LABELS, LABELS, ports), **fields))


def hpa(*conditions: Condition, **fields: Any) -> Change:
    return cluster(hpas=(scaler(*conditions, **fields),))


def inactive(reason: str, message: str = "why") -> tuple[Condition, ...]:
    return (FIT[0], Condition("ScalingActive", "False", reason, message), FIT[2])


SCRAPED = Metrics().scraped
UNREADY: dict[str, Any] = {"ready": False, "ready_since": NOW - 60}
WAITING = replace(STATE, started=False, since=None)
