"""Every break of the chain: its link, what must be seen, what must be done."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.unit.diagnosis.doctor.chain import (
    CONTAINER,
    FIT,
    LABELS,
    NOW,
    STATE,
    event,
    pod,
    scaler,
)
from tests.unit.diagnosis.doctor.changes import (
    SCRAPED,
    UNREADY,
    WAITING,
    Change,
    both,
    cluster,
    deployment,
    hpa,
    inactive,
    metrics,
    pods,
    service,
)

from ekiben.clients.connection import Answer
from ekiben.clients.facts.exposure import Endpoint, Monitor, ServicePort
from ekiben.clients.facts.scaling import ApiService, PodUsage, ScaledObject, Trigger
from ekiben.clients.objects import Condition
from ekiben.clients.prometheus import PrometheusError, Target
from ekiben.errors import ClusterError

OLD_PORT = Target("models", "iris-a", "http://10.0.0.1:3999/metrics", "down", "connection refused", {})
FOREIGN = Target("models", "iris-a", "http://10.0.0.1:3002/metrics", "up", "", {"namespace": "models"})
BARE = replace(CONTAINER, requests={"memory": "512Mi"})
STARTING: dict[str, Any] = {
    "ready": False,
    "ready_since": NOW - 20,
    "created_at": NOW - 20,
    "states": (replace(WAITING, waiting="ContainerCreating"),),
}
UNREACHED = ApiService("v1beta1.metrics.k8s.io", "kube-system/m", False, "MissingEndpoints", "none")
BREAKS: dict[str, tuple[str, Change, str, str]] = {
    "away": (
        "api-server",
        cluster(away=ClusterError("not reached")),
        "not reached",
        "cluster up --name local",
    ),
    "no release": ("release", cluster(deployed=None), "no Deployment models/iris", "ekiben release iris"),
    "zero": ("replicas", deployment(wanted=0), "set to 0", "scale deployment iris --replicas=1"),
    "quota": (
        "creation",
        deployment(conditions=(Condition("ReplicaFailure", "True", "FailedCreate", "exceeded quota: q"),)),
        "exceeded quota: q",
        "describe resourcequota",
    ),
    "admission": (
        "creation",
        deployment(conditions=(Condition("ReplicaFailure", "True", "FailedCreate", "violates"),)),
        "violates",
        "describe replicaset",
    ),
    "no controller": ("creation", cluster(pods=()), "nobody refused", "kube-controller-manager"),
    "unschedulable": (
        "scheduling",
        pods(ready=None, ready_since=None, phase="Pending", unschedulable="Insufficient cpu"),
        "Insufficient cpu (model-server requests 120m CPU and 512Mi memory)",
        "describe nodes",
    ),
    "no scheduler": (
        "scheduling",
        pods(ready=None, ready_since=None, started_at=None, created_at=NOW - 40, phase="Pending"),
        "no node has taken iris-a for 40 s",
        "kube-scheduler",
    ),
    "pull": (
        "image",
        pods(**UNREADY, states=(replace(WAITING, waiting="ImagePullBackOff", message="not found"),)),
        "r/iris@sha256:1: ImagePullBackOff: not found",
        "ekiben image iris",
    ),
    "crash loop": (
        "start",
        pods(
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
        pods(
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
        pods(**UNREADY, states=(replace(WAITING, waiting="CreateContainerConfigError", message="no s"),)),
        "CreateContainerConfigError: no s",
        "describe pod iris-a",
    ),
    "no volume": (
        "start",
        pods(**UNREADY, states=(replace(WAITING, waiting="ContainerCreating"),)),
        "being created for 3600 s",
        "describe pod iris-a",
    ),
    "unready": (
        "readiness",
        both(
            pods(**UNREADY),
            cluster(
                happened=(
                    event("Pod", "iris-a", "Unhealthy", "Readiness probe failed: 404"),
                    event("Pod", "iris-a", "Unhealthy", "Startup probe failed: 503", ago=50.0),
                )
            ),
        ),
        "1 of 2 pods ready; iris-a is not: Readiness probe failed: 404",
        "rollback iris",
    ),
    "never started": (
        "readiness",
        pods(**UNREADY, states=(replace(STATE, started=False),)),
        "iris-a is not: Startup probe does not succeed",
        "rollback iris",
    ),
    "stalled": (
        "readiness",
        deployment(conditions=(Condition("Progressing", "False", "ProgressDeadlineExceeded", ""),)),
        "no progress",
        "rollback iris",
    ),
    "no service": ("selector", cluster(served=None), "no Service models/iris", "ekiben release iris"),
    "selector": (
        "selector",
        service(selector={**LABELS, "tier": "web"}),
        "tier=web (they have no such label)",
        "patch service iris",
    ),
    "lost label": (
        "selector",
        pods(labels={"app.kubernetes.io/instance": "iris"}),
        "iris-a lack labels",
        "delete pod iris-a",
    ),
    "target port": (
        "ports",
        service(ports=(ServicePort("http", 80, "htpp"),)),
        "leads to the pods' port htpp; they have http (3000), metrics (3002)",
        "/spec/ports/0/targetPort",
    ),
    "port name": (
        "ports",
        service(ports=(ServicePort("web", 80, "http"),)),
        "no port named http",
        "release iris",
    ),
    "no endpoints": (
        "endpoints",
        cluster(behind=(Endpoint("iris-a", True, frozenset({"http"})),)),
        "missing: iris-b",
        "endpointslices",
    ),
    "endpoints of no port": (
        "endpoints",
        cluster(behind=tuple(Endpoint(n, True, frozenset({"metrics"})) for n in ("iris-a", "iris-b"))),
        "0 of 2 ready pods",
        "endpointslices",
    ),
    "no answer": ("answer", cluster(answer=ClusterError("timed out")), "timed out", "/proxy/readyz"),
    "refused": (
        "answer",
        cluster(answer=Answer(503, "application/json", b'{"kind":"Status","message":"refused"}')),
        "503",
        "/proxy/readyz",
    ),
    "prometheus": (
        "prometheus",
        metrics(error=PrometheusError("not reached")),
        "not reached",
        "cluster up --name local",
    ),
    "annotation": (
        "scrape-target",
        both(cluster(pods=(pod("iris-a", annotations={}), pod("iris-b"))), metrics(scraped=SCRAPED[1:])),
        "iris-a has no annotation prometheus.io/scrape",
        "prometheus.io/scrape=true",
    ),
    "monitor": (
        "scrape-target",
        both(
            cluster(watched=(Monitor("ServiceMonitor", "iris", {}, LABELS, ("metricz",)),)),
            metrics(scraped=()),
        ),
        "scrapes the port metricz",
        "ekiben release iris",
    ),
    "monitor's labels": (
        "scrape-target",
        both(
            cluster(watched=(Monitor("PodMonitor", "iris", {"a": "b"}, LABELS, ("metrics",)),)),
            metrics(scraped=()),
        ),
        "Prometheus does not take it (a=b)",
        "get prometheus -A",
    ),
    "metrics port": (
        "scrape",
        metrics(scraped=(OLD_PORT, SCRAPED[1])),
        "metrics of iris-a are on port 3002",
        "prometheus.io/port=3002",
    ),
    "scrape refused": (
        "scrape",
        metrics(scraped=(replace(OLD_PORT, url="http://10.0.0.1:3002/m"), SCRAPED[1])),
        "is down: connection refused",
        "networkpolicy",
    ),
    "no release label": (
        "query",
        metrics(scraped=(FOREIGN, replace(FOREIGN, pod="iris-b")), answers={}),
        "release=iris (found none)",
        "relabel",
    ),
    "no metrics-server": ("metrics-api", cluster(api=None), "not installed", "cluster up --name local"),
    "metrics-server asleep": (
        "metrics-api",
        cluster(api=UNREACHED, asleep=0),
        "does not reach kube-system/m: MissingEndpoints",
        "-n kube-system scale deployment/m --replicas=1",
    ),
    "metrics-server unwell": (
        "metrics-api",
        cluster(api=UNREACHED),
        "does not reach kube-system/m: MissingEndpoints",
        "-n kube-system rollout restart deployment/m",
    ),
    "no use": (
        "pod-metrics",
        cluster(used=(PodUsage("iris-a", NOW - 10, 15, {}),)),
        "missing: iris-b",
        "restart",
    ),
    "old use": (
        "pod-metrics",
        cluster(used=tuple(PodUsage(n, NOW - 400, 15, {}) for n in ("iris-a", "iris-b"))),
        "400 s old",
        "rollout restart",
    ),
    "keda": (
        "keda",
        cluster(
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
        cluster(objects=(ScaledObject("iris", "iris", "h", triggers=(Trigger("prometheus", "nothing"),)),)),
        "no number for its query nothing",
        "describe scaledobject iris",
    ),
    "no hpa": ("hpa", cluster(hpas=()), "ekiben.yaml wants one", "ekiben release iris"),
    "hpa elsewhere": ("hpa", hpa(target_name="gone"), "scales Deployment gone", "patch hpa iris"),
    "two hpas": (
        "hpa-alone",
        cluster(hpas=(scaler(), replace(scaler(), name="other"))),
        "iris, other",
        "delete hpa other",
    ),
    "ambiguous": ("hpa-alone", hpa(*inactive("AmbiguousSelector")), "why", "get hpa"),
    "unable": (
        "hpa-scale",
        hpa(Condition("AbleToScale", "False", "FailedUpdateScale", "why"), *FIT[1:]),
        "FailedUpdateScale: why",
        "describe hpa iris",
    ),
    "no request": (
        "hpa-metrics",
        both(pods(containers=(BARE,), **STARTING), hpa(*inactive("FailedGetResourceMetric"))),
        "model-server requests no CPU",
        "release.resources.cpu_request",
    ),
    "no figures": (
        "hpa-metrics",
        hpa(*inactive("FailedGetResourceMetric")),
        "FailedGetResourceMetric: why",
        "describe hpa",
    ),
}
