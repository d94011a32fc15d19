"""The API's JSON becomes facts; what is absent is absent, not wrong."""

from __future__ import annotations

from typing import Any

import pytest

from ekiben.clients.facts import exposure, scaling, workload
from ekiben.clients.facts.exposure import Endpoint, Monitor, Service, ServicePort
from ekiben.clients.facts.scaling import ApiService, PodUsage, Trigger
from ekiben.clients.facts.workload import Container, Probe, State

CONTAINER: dict[str, Any] = {
    "name": "c",
    "image": "r/i@sha256:1",
    "ports": [{"name": "http", "containerPort": 3000}, {"containerPort": 9}],
    "resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "2"}},
    "startupProbe": {"periodSeconds": 1, "failureThreshold": 120},
    "readinessProbe": {"initialDelaySeconds": 5},
}


def test_a_pod_with_all_its_parts() -> None:
    """Labels, times, containers with sidecars that restart, states."""
    found = workload.replica(
        {
            "metadata": {
                "name": "p", "labels": {"pod-template-hash": "abc"}, "annotations": {"a": "b"},
                "creationTimestamp": "1970-01-01T00:01:40Z", "deletionTimestamp": "1970-01-01T00:02:40Z",
            },
            "spec": {
                "containers": [CONTAINER],
                "initContainers": [{"name": "once"}, {"name": "side", "restartPolicy": "Always"}],
                "resources": {"requests": {"cpu": "3"}},
            },
            "status": {
                "phase": "Running", "podIP": "10.0.0.1", "startTime": "1970-01-01T00:01:41Z",
                "conditions": [
                    {"type": "Ready", "status": "False", "lastTransitionTime": "1970-01-01T00:01:50Z"},
                    {"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                     "message": "no node"},
                ],
                "containerStatuses": [
                    {"name": "c", "restartCount": 2, "started": False,
                     "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
                     "lastState": {"terminated": {"reason": "Error", "exitCode": 6, "message": "row 3\n",
                                                  "finishedAt": "1970-01-01T00:02:00Z"}}},
                ],
            },
        }
    )  # fmt: skip
    assert (found.template_hash, found.created_at, found.started_at, found.ready_since) == (
        "abc",
        100,
        101,
        110,
    )
    assert (found.ready, found.ending, found.unschedulable, found.serves) == (False, True, "no node", False)
    assert found.pod_requests == {"cpu": "3"}
    assert found.containers == (
        Container(
            "c", "r/i@sha256:1", {"http": 3000}, {"cpu": "1"}, {"cpu": "2"}, Probe(0, 1, 120), Probe(5)
        ),
        Container("side"),
    )
    assert found.states == (
        State("c", False, None, 2, "CrashLoopBackOff", "back-off", "Error", 120.0, 6, "row 3"),
    )
    assert [one.patience_seconds for one in (Probe(0, 1, 120), Probe(5))] == [120, 35]


def test_a_pod_that_nobody_has_looked_at_yet() -> None:
    """No status, no labels: unknown, not ready, no times."""
    found = workload.replica({"metadata": {"name": "p"}, "spec": {}})
    assert (found.phase, found.ready, found.started_at, found.containers) == ("Unknown", None, None, ())


def test_an_unknown_readiness_is_neither() -> None:
    """A node that is lost says Unknown."""
    conditions = [{"type": "Ready", "status": "Unknown"}]
    assert workload.replica({"metadata": {"name": "p"}, "status": {"conditions": conditions}}).ready is None


@pytest.mark.parametrize(("replicas", "wanted"), [({}, 1), ({"replicas": 0}, 0)])
def test_a_deployment(replicas: dict[str, int], wanted: int) -> None:
    """Without a number it is one; a refusal and a stalled rollout are read from the conditions."""
    conditions = [
        {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"},
        {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"},
    ]
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [CONTAINER]}}
    found = workload.deployment(
        {
            "metadata": {"name": "iris"},
            "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": template, **replicas},
            "status": {"replicas": 3, "readyReplicas": 2, "updatedReplicas": 1, "conditions": conditions},
        }
    )
    assert (found.wanted, found.total, found.ready, found.updated) == (wanted, 3, 2, 1)
    assert (found.refusal, found.stalled, found.labels) == ("exceeded quota", True, {"a": "b"})


def test_a_service_and_what_is_behind_it() -> None:
    """A target port is a name or a number, the port's own if absent; an endpoint without a word is ready."""
    ports = [{"name": "http", "port": 80, "targetPort": "http"}, {"name": "m", "port": 3002}]
    service = exposure.service(
        {"metadata": {"name": "iris"}, "spec": {"selector": {"a": "b"}, "ports": ports}}
    )
    assert service == Service(
        "iris", {}, {"a": "b"}, (ServicePort("http", 80, "http"), ServicePort("m", 3002, 3002))
    )
    sliced = {
        "ports": [{"name": "http", "port": 3000}],
        "endpoints": [
            {"targetRef": {"name": "p"}, "conditions": {"ready": False}},
            {"targetRef": {"name": "q"}, "conditions": {}},
        ],
    }
    names = frozenset({"http"})
    assert exposure.endpoints(sliced) == (Endpoint("p", False, names), Endpoint("q", True, names))


def test_monitors_of_both_kinds() -> None:
    """Each has its ports under another name; expressions are not judged."""
    spec = {"selector": {"matchLabels": {"a": "b"}}, "endpoints": [{"port": "metrics"}]}
    document = {"metadata": {"name": "iris", "labels": {"r": "p"}}, "spec": spec}
    assert exposure.monitor(document, "ServiceMonitor") == Monitor(
        "ServiceMonitor", "iris", {"r": "p"}, {"a": "b"}, ("metrics",)
    )
    pods = {"selector": {"matchExpressions": [{}]}, "podMetricsEndpoints": [{"targetPort": 3002}]}
    found = exposure.monitor({"metadata": {"name": "iris"}, "spec": pods}, "PodMonitor")
    assert (found.selector, found.ports) == (None, ("3002",))


def test_an_hpa() -> None:
    """Bounds, target, readings and conditions; without a minimum it is 1."""
    current = {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 171}}}
    found = scaling.scaler(
        {
            "metadata": {"name": "iris"},
            "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "iris"}, "maxReplicas": 6},
            "status": {
                "currentReplicas": 1, "desiredReplicas": 3, "lastScaleTime": "1970-01-01T00:01:40Z",
                "currentMetrics": [current], "conditions": [{"type": "AbleToScale", "status": "True"}],
            },
        }
    )  # fmt: skip
    assert (found.minimum, found.maximum, found.current, found.desired, found.rescaled_at) == (
        1,
        6,
        1,
        3,
        100.0,
    )
    assert found.readings == (current,)
    assert [one.type for one in found.conditions] == ["AbleToScale"]


@pytest.mark.parametrize(
    ("status", "advanced", "name"),
    [
        ({"hpaName": "x"}, {}, "x"),
        ({}, {"horizontalPodAutoscalerConfig": {"name": "y"}}, "y"),
        ({}, {}, "keda-hpa-iris"),
    ],
)
def test_a_scaled_object_knows_its_hpa(status: dict[str, Any], advanced: dict[str, Any], name: str) -> None:
    """By its status, its spec, or KEDA's own rule; a pause is an annotation."""
    found = scaling.scaled_object(
        {
            "metadata": {"name": "iris", "annotations": {"autoscaling.keda.sh/paused": "true"}},
            "spec": {
                "scaleTargetRef": {"name": "iris"}, "advanced": advanced,
                "triggers": [{"type": "prometheus", "metadata": {"query": "q"}}, {"type": "cpu"}],
            },
            "status": status,
        }
    )  # fmt: skip
    assert (found.scaler, found.paused, found.target_name) == (name, True, "iris")
    assert found.triggers == (Trigger("prometheus", "q"), Trigger("cpu"))


def test_an_api_of_another_program_and_one_of_its_own() -> None:
    """The backend's name, and whether it is reached; one that says nothing is not."""
    conditions = [{"type": "Available", "status": "False", "reason": "MissingEndpoints", "message": "none"}]
    behind = {"service": {"namespace": "kube-system", "name": "metrics-server"}}
    away = scaling.api_service(
        {"metadata": {"name": "a"}, "spec": behind, "status": {"conditions": conditions}}
    )
    assert away == ApiService("a", "kube-system/metrics-server", False, "MissingEndpoints", "none")
    assert scaling.api_service({"metadata": {"name": "a"}, "spec": {}}) == ApiService("a", "", False)


@pytest.mark.parametrize(
    ("text", "seconds"), [("15s", 15.0), ("1m2.5s", 62.5), ("10.5ms", 0.0105), ("1h0m0s", 3600.0)]
)
def test_a_pods_use(text: str, seconds: float) -> None:
    """Its window is a duration as Go writes it."""
    found = scaling.pod_usage(
        {
            "metadata": {"name": "p"},
            "timestamp": "1970-01-01T00:01:40Z",
            "window": text,
            "containers": [{"name": "c", "usage": {"cpu": "5m"}}],
        }
    )
    assert found == PodUsage("p", 100.0, found.window_seconds, {"c": {"cpu": "5m"}})
    assert found.window_seconds == pytest.approx(seconds)
