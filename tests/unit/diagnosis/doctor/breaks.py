"""What can happen to a release: breaks, what passes by itself, and what is to be warned of."""

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
    event,
    pod,
    readings,
    scaler,
)

from ekiben.clients.connection import Answer
from ekiben.clients.facts.exposure import Endpoint, Monitor, Service, ServicePort
from ekiben.clients.facts.scaling import ApiService, PodUsage, ScaledObject, Trigger
from ekiben.clients.facts.workload import Deployment
from ekiben.clients.objects import Condition
from ekiben.clients.prometheus import PrometheusError, Target, Value
from ekiben.errors import ClusterError

Change = Callable[[Cluster, Metrics], None]


def _cluster(**fields: Any) -> Change:
    def change(cluster: Cluster, _metrics: Metrics) -> None:
        for name, value in fields.items():
            setattr(cluster, name, value)

    return change


def _pods(**fields: Any) -> Change:
    return _cluster(pods=(pod("iris-a", **fields), pod("iris-b")))


def _metrics(**fields: Any) -> Change:
    def change(_cluster: Cluster, metrics: Metrics) -> None:
        for name, value in fields.items():
            setattr(metrics, name, value)

    return change


def _deployment(**fields: Any) -> Change:
    found = Deployment("iris", LABELS, LABELS, {}, (CONTAINER,), 2, 2, 2, 2)
    return _cluster(deployed=replace(found, **fields))


def _both(*changes: Change) -> Change:
    def change(cluster: Cluster, metrics: Metrics) -> None:
        for one in changes:
            one(cluster, metrics)

    return change


def _throttled(share: float) -> Change:
    def change(_cluster: Cluster, metrics: Metrics) -> None:
        metrics.answers["throttled"] = (Value({"pod": "iris-a"}, share),)

    return change


def _service(**fields: Any) -> Change:
    ports = (ServicePort("http", 80, "http"), ServicePort("metrics", 3002, "metrics"))
    return _cluster(served=replace(Service("iris", LABELS, LABELS, ports), **fields))


def _hpa(*conditions: Condition, **fields: Any) -> Change:
    return _cluster(hpas=(scaler(*conditions, **fields),))


def _inactive(reason: str, message: str = "why") -> tuple[Condition, ...]:
    return (FIT[0], Condition("ScalingActive", "False", reason, message), FIT[2])


SCRAPED = Metrics().scraped
UNREADY: dict[str, Any] = {"ready": False, "ready_since": NOW - 60}
WAITING = replace(STATE, started=False, since=None)
OLD_PORT = Target("models", "iris-a", "http://10.0.0.1:3999/metrics", "down", "connection refused", {})
FOREIGN = Target("models", "iris-a", "http://10.0.0.1:3002/metrics", "up", "", {"namespace": "models"})
BARE = replace(CONTAINER, requests={"memory": "512Mi"})
BREAKS: dict[str, tuple[str, Change, str, str]] = {
    "away": (
        "api-server",
        _cluster(away=ClusterError("not reached")),
        "not reached",
        "cluster up --name local",
    ),
    "no release": ("release", _cluster(deployed=None), "no Deployment models/iris", "ekiben release iris"),
    "zero": ("replicas", _deployment(wanted=0), "set to 0", "scale deployment iris --replicas=1"),
    "quota": (
        "creation",
        _deployment(conditions=(Condition("ReplicaFailure", "True", "FailedCreate", "exceeded quota: q"),)),
        "exceeded quota: q",
        "describe resourcequota",
    ),
    "admission": (
        "creation",
        _deployment(conditions=(Condition("ReplicaFailure", "True", "FailedCreate", "violates"),)),
        "violates",
        "describe replicaset",
    ),
    "no controller": ("creation", _cluster(pods=()), "nobody refused", "kube-controller-manager"),
    "unschedulable": (
        "scheduling",
        _pods(ready=None, ready_since=None, phase="Pending", unschedulable="Insufficient cpu"),
        "Insufficient cpu (model-server requests 120m CPU and 512Mi memory)",
        "describe nodes",
    ),
    "no scheduler": (
        "scheduling",
        _pods(ready=None, ready_since=None, started_at=None, created_at=NOW - 40, phase="Pending"),
        "no node has taken iris-a for 40 s",
        "kube-scheduler",
    ),
    "pull": (
        "image",
        _pods(**UNREADY, states=(replace(WAITING, waiting="ImagePullBackOff", message="not found"),)),
        "r/iris@sha256:1: ImagePullBackOff: not found",
        "ekiben image iris",
    ),
    "crash loop": (
        "start",
        _pods(
            **UNREADY,
            states=(
                replace(
                    WAITING,
                    waiting="CrashLoopBackOff",
                    restarts=3,
                    ended="Error",
                    ended_at=NOW - 5,
                    exit_code=6,
                    last_words="row 3",
                ),
            ),
        ),
        "3 restarts; it ended with exit code 6 (Error): row 3",
        "logs iris-a -c model-server --previous",
    ),
    "memory": (
        "start",
        _pods(
            **UNREADY,
            states=(
                replace(
                    WAITING, restarts=3, ended="OOMKilled", ended_at=NOW - 5, exit_code=137, since=NOW - 1
                ),
            ),
        ),
        "exit code 137 (OOMKilled)",
        "release.resources.memory",
    ),
    "no secret": (
        "start",
        _pods(**UNREADY, states=(replace(WAITING, waiting="CreateContainerConfigError", message="no s"),)),
        "CreateContainerConfigError: no s",
        "describe pod iris-a",
    ),
    "no volume": (
        "start",
        _pods(**UNREADY, states=(replace(WAITING, waiting="ContainerCreating"),)),
        "being created for 3600 s",
        "describe pod iris-a",
    ),
    "unready": ("readiness", _pods(**UNREADY), "1 of 2 pods ready; iris-a is not", "rollback iris"),
    "stalled": (
        "readiness",
        _deployment(conditions=(Condition("Progressing", "False", "ProgressDeadlineExceeded", ""),)),
        "no progress",
        "rollback iris",
    ),
    "no service": ("selector", _cluster(served=None), "no Service models/iris", "ekiben release iris"),
    "selector": (
        "selector",
        _service(selector={**LABELS, "tier": "web"}),
        "tier=web (they have no such label)",
        "patch service iris",
    ),
    "lost label": (
        "selector",
        _pods(labels={"app.kubernetes.io/instance": "iris"}),
        "iris-a lack labels",
        "delete pod iris-a",
    ),
    "target port": (
        "ports",
        _service(ports=(ServicePort("http", 80, "htpp"),)),
        "leads to the pods' port htpp; they have http (3000), metrics (3002)",
        "/spec/ports/0/targetPort",
    ),
    "port name": (
        "ports",
        _service(ports=(ServicePort("web", 80, "http"),)),
        "no port named http",
        "release iris",
    ),
    "no endpoints": (
        "endpoints",
        _cluster(behind=(Endpoint("iris-a", True, frozenset({"http"})),)),
        "missing: iris-b",
        "endpointslices",
    ),
    "endpoints of no port": (
        "endpoints",
        _cluster(behind=tuple(Endpoint(n, True, frozenset({"metrics"})) for n in ("iris-a", "iris-b"))),
        "0 of 2 ready pods",
        "endpointslices",
    ),
    "no answer": ("answer", _cluster(answer=ClusterError("timed out")), "timed out", "/proxy/readyz"),
    "refused": (
        "answer",
        _cluster(answer=Answer(503, "application/json", b'{"kind":"Status","message":"refused"}')),
        "503",
        "/proxy/readyz",
    ),
    "prometheus": (
        "prometheus",
        _metrics(error=PrometheusError("not reached")),
        "not reached",
        "cluster up --name local",
    ),
    "annotation": (
        "scrape-target",
        _both(_cluster(pods=(pod("iris-a", annotations={}), pod("iris-b"))), _metrics(scraped=SCRAPED[1:])),
        "iris-a has no annotation prometheus.io/scrape",
        "prometheus.io/scrape=true",
    ),
    "monitor": (
        "scrape-target",
        _both(
            _cluster(watched=(Monitor("ServiceMonitor", "iris", {}, LABELS, ("metricz",)),)),
            _metrics(scraped=()),
        ),
        "scrapes the port metricz",
        "ekiben release iris",
    ),
    "monitor's labels": (
        "scrape-target",
        _both(
            _cluster(watched=(Monitor("PodMonitor", "iris", {"a": "b"}, LABELS, ("metrics",)),)),
            _metrics(scraped=()),
        ),
        "Prometheus does not take it (a=b)",
        "get prometheus -A",
    ),
    "metrics port": (
        "scrape",
        _metrics(scraped=(OLD_PORT, SCRAPED[1])),
        "metrics of iris-a are on port 3002",
        "prometheus.io/port=3002",
    ),
    "scrape refused": (
        "scrape",
        _metrics(scraped=(replace(OLD_PORT, url="http://10.0.0.1:3002/m"), SCRAPED[1])),
        "is down: connection refused",
        "networkpolicy",
    ),
    "no release label": (
        "query",
        _metrics(scraped=(FOREIGN, replace(FOREIGN, pod="iris-b")), answers={}),
        "release=iris (found none)",
        "relabel",
    ),
    "no metrics-server": ("metrics-api", _cluster(api=None), "not installed", "cluster up --name local"),
    "metrics-server asleep": (
        "metrics-api",
        _cluster(
            api=ApiService("v1beta1.metrics.k8s.io", "kube-system/m", False, "MissingEndpoints", "none")
        ),
        "does not reach kube-system/m: MissingEndpoints",
        "-n kube-system scale deployment/m --replicas=1",
    ),
    "no use": (
        "pod-metrics",
        _cluster(used=(PodUsage("iris-a", NOW - 10, 15, {}),)),
        "missing: iris-b",
        "restart",
    ),
    "old use": (
        "pod-metrics",
        _cluster(used=tuple(PodUsage(n, NOW - 400, 15, {}) for n in ("iris-a", "iris-b"))),
        "400 s old",
        "rollout restart",
    ),
    "keda": (
        "keda",
        _cluster(
            objects=(
                ScaledObject(
                    "iris",
                    "iris",
                    "keda-hpa-iris",
                    conditions=(Condition("Ready", "False", "Bad", "trigger"),),
                ),
            )
        ),
        "not ready: Bad: trigger",
        "describe scaledobject iris",
    ),
    "keda's query": (
        "keda",
        _cluster(objects=(ScaledObject("iris", "iris", "h", triggers=(Trigger("prometheus", "nothing"),)),)),
        "no number for its query nothing",
        "describe scaledobject iris",
    ),
    "no hpa": ("hpa", _cluster(hpas=()), "ekiben.yaml wants one", "ekiben release iris"),
    "hpa elsewhere": ("hpa", _hpa(target_name="gone"), "scales Deployment gone", "patch hpa iris"),
    "two hpas": (
        "hpa-alone",
        _cluster(hpas=(scaler(), replace(scaler(), name="other"))),
        "iris, other",
        "delete hpa other",
    ),
    "ambiguous": ("hpa-alone", _hpa(*_inactive("AmbiguousSelector")), "why", "get hpa"),
    "unable": (
        "hpa-scale",
        _hpa(Condition("AbleToScale", "False", "FailedUpdateScale", "why"), *FIT[1:]),
        "FailedUpdateScale: why",
        "describe hpa iris",
    ),
    "no request": (
        "hpa-metrics",
        _both(_pods(containers=(BARE,)), _hpa(*_inactive("FailedGetResourceMetric"))),
        "model-server requests no CPU",
        "release.resources.cpu_request",
    ),
    "no figures": (
        "hpa-metrics",
        _hpa(*_inactive("FailedGetResourceMetric")),
        "FailedGetResourceMetric: why",
        "describe hpa",
    ),
}


YOUNG: dict[str, Any] = {"created_at": NOW - 20, "started_at": NOW - 19, "ready_since": NOW - 5}
NEW = replace(STATE, since=NOW - 18)
QUIET: dict[str, Change] = {
    "a pod that starts": _pods(
        ready=False,
        ready_since=NOW - 20,
        created_at=NOW - 20,
        started_at=NOW - 19,
        states=(replace(NEW, started=False),),
    ),
    "a pod that is being made": _pods(
        ready=False,
        ready_since=NOW - 20,
        created_at=NOW - 20,
        started_at=NOW - 19,
        states=(replace(WAITING, waiting="ContainerCreating"),),
    ),
    "a pod that missed one probe": _pods(ready=False, ready_since=NOW - 4),
    "a pod that ends": _pods(ready=False, ready_since=NOW - 99, ending=True),
    "an evicted pod": _cluster(
        pods=(pod("iris-a"), pod("iris-b"), pod("iris-x", phase="Failed", ready=False))
    ),
    "a rollout that has just ended": _both(
        _cluster(
            pods=(pod("iris-n", **YOUNG, states=(NEW,)),),
            used=(),
            behind=Cluster().behind,
            hpas=(scaler(*_inactive("FailedGetResourceMetric")),),
        ),
        _metrics(scraped=(), answers={}),
    ),
    "a target that was not scraped yet": _both(
        _cluster(pods=(pod("iris-a", **YOUNG), pod("iris-b"))),
        _metrics(scraped=(replace(SCRAPED[0], health="unknown"), SCRAPED[1])),
    ),
    "warnings of what is over": _cluster(
        happened=(
            event("Pod", "iris-a", "Unhealthy"),
            event("HorizontalPodAutoscaler", "iris", "FailedGetResourceMetric"),
            event("Pod", "other-x", "FailedMount"),
            event("Pod", "iris-a", "FailedMount", ago=900.0),
        )
    ),
    "a start that took all its CPU": _both(
        _cluster(pods=(pod("iris-a", **YOUNG), pod("iris-b"))), _throttled(0.9)
    ),
    "an HPA at its minimum": _hpa(*FIT[:2], Condition("ScalingLimited", "True", "TooFewReplicas", "")),
}


WARNINGS: dict[str, tuple[str, Change, str, str]] = {
    "maximum": (
        "hpa-maximum",
        _hpa(*FIT[:2], Condition("ScalingLimited", "True", "TooManyReplicas", ""), readings=readings(171)),
        "6 is the maximum; cpu use is 171 % of the request",
        "scale.max_replicas",
    ),
    "throttled": (
        "throttling",
        _throttled(0.5),
        "1 pod held back by the CPU limit (300m): iris-a in 50% of its periods of 60 s",
        "cpu_limit",
    ),
    "restarted": (
        "start",
        _pods(states=(replace(STATE, restarts=1, ended="OOMKilled", ended_at=NOW - 100, exit_code=137),)),
        "iris-a runs again, 1 restart",
        "release.resources.memory",
    ),
    "paused": (
        "keda",
        _cluster(objects=(ScaledObject("iris", "iris", "iris", paused=True),)),
        "paused",
        "paused-",
    ),
    "event": (
        "events",
        _cluster(happened=(event("Pod", "iris-a", "Evicted", "disk"),)),
        "Pod iris-a: Evicted: disk",
        "events --types=Warning",
    ),
}
