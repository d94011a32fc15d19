"""Kubernetes' own models (built from JSON as the API server writes it) become small values."""

from __future__ import annotations

from typing import Any

import pytest
from kubernetes.client import CoreV1Event, V1Deployment, V1Pod, V1ReplicaSet, V2HorizontalPodAutoscaler

from ekiben.clients import objects

DIGEST = "sha256:" + "0a" * 32


def pod(status: dict[str, Any], **metadata: Any) -> objects.Pod:
    """Read a pod with one container, as the API server writes it."""
    document = {
        "metadata": {"name": "iris-1", "labels": {"pod-template-hash": "abc"}, **metadata},
        "spec": {"containers": [{"name": "c", "ports": [{"name": "http", "containerPort": 8080}]}]},
        "status": status,
    }
    return objects.pod(V1Pod.from_dict(document))


def container(**fields: Any) -> dict[str, Any]:
    return {"name": "c", "image": "i", "imageID": "", "ready": False, "restartCount": 0, **fields}


def test_a_ready_pod() -> None:
    """Ready, digest, template and port are read."""
    status = {
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "True"}],
        "containerStatuses": [container(imageID=f"r.example/iris@{DIGEST}", ready=True)],
    }
    found = pod(status)
    assert (found.ready, found.digest, found.template_hash, found.http_port) == (True, DIGEST, "abc", 8080)
    assert (found.ending, found.exit_code, found.waiting_reason) == (False, None, "")


def test_a_crash_is_read_from_the_last_state() -> None:
    """While the container waits to be restarted, its end is in lastState."""
    ended = {"terminated": {"exitCode": 6, "reason": "Error", "message": "row 3\n"}}
    waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
    found = pod({"containerStatuses": [container(state=waiting, lastState=ended, restartCount=2)]})
    assert (found.waiting_reason, found.exit_code, found.exit_message, found.restarts) == (
        "CrashLoopBackOff",
        6,
        "row 3",
        2,
    )


def test_a_pod_that_no_node_takes() -> None:
    """The scheduler's words are kept; other reasons for PodScheduled=False are not that."""
    condition = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes: Insufficient cpu"}
    unplaced = pod({"phase": "Pending", "conditions": [{**condition, "reason": "Unschedulable"}]})
    assert unplaced.unschedulable == "0/1 nodes: Insufficient cpu"
    assert pod({"conditions": [{**condition, "reason": "SchedulingGated"}]}).unschedulable == ""


def test_a_pod_that_was_told_to_end() -> None:
    """Its deletion timestamp says so."""
    assert pod({"phase": "Running"}, deletionTimestamp="2026-01-01T00:00:00Z").ending


def deployment(status: dict[str, Any], **spec: Any) -> Any:
    """Build a Deployment of generation 4, revision 2."""
    return V1Deployment.from_dict(
        {
            "metadata": {
                "name": "iris",
                "uid": "u1",
                "generation": 4,
                "annotations": {"deployment.kubernetes.io/revision": "2"},
            },
            "spec": {
                "selector": {"matchLabels": {"a": "b"}},
                "template": {"spec": {"containers": []}},
                **spec,
            },
            "status": status,
        }
    )


def replica_set(revision: str, template_hash: str, owner: str = "u1") -> Any:
    """Build a ReplicaSet of a Deployment."""
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "iris", "uid": owner}
    metadata = {
        "labels": {"pod-template-hash": template_hash},
        "annotations": {"deployment.kubernetes.io/revision": revision},
        "ownerReferences": [reference],
    }
    return V1ReplicaSet.from_dict({"metadata": metadata, "spec": {"selector": {}}})


COMPLETE = {
    "observedGeneration": 4,
    "replicas": 3,
    "updatedReplicas": 3,
    "readyReplicas": 3,
    "availableReplicas": 3,
}


def test_a_complete_rollout_and_its_newest_template() -> None:
    """The newest template is that of the ReplicaSet with the Deployment's own revision and uid."""
    sets = [replica_set("1", "old"), replica_set("2", "other", owner="u9"), replica_set("2", "new")]
    found = objects.rollout(deployment(COMPLETE, replicas=3), sets)
    assert found.complete
    assert found.template_hash == "new"


@pytest.mark.parametrize(
    "change",
    [
        {"observedGeneration": 3},
        {"updatedReplicas": 2},
        {"availableReplicas": 2},
        {"replicas": 4},
    ],
)
def test_a_rollout_that_is_not_complete(change: dict[str, int]) -> None:
    """Not seen yet, not all new, not all available, or old ones left."""
    assert not objects.rollout(deployment({**COMPLETE, **change}, replicas=3), []).complete


def test_a_refusal_of_pods_is_read_from_the_condition() -> None:
    """Quota and admission show as ReplicaFailure."""
    condition = {
        "type": "ReplicaFailure",
        "status": "True",
        "reason": "FailedCreate",
        "message": "exceeded quota",
    }
    found = objects.rollout(deployment({**COMPLETE, "conditions": [condition]}), [])
    assert found.refusal == "exceeded quota"
    condition["status"] = "False"
    assert objects.rollout(deployment({"conditions": [condition]}), []).refusal == ""


def test_a_deployment_without_status_wants_one() -> None:
    """Kubernetes' default is one replica; nothing has been seen."""
    found = objects.rollout(deployment({}), [])
    assert (found.wanted, found.available, found.complete) == (1, 0, False)


def test_an_autoscaler_with_and_without_a_sample() -> None:
    """CPU use is None, never 0, until there is a sample."""
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "iris"},
        "minReplicas": 2,
        "maxReplicas": 9,
    }
    used = {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 41}}}
    active = {"type": "ScalingActive", "status": "False", "reason": "FailedGetResourceMetric", "message": "m"}
    status = {
        "currentReplicas": 3,
        "desiredReplicas": 4,
        "currentMetrics": [used],
        "conditions": [active],
    }
    found = objects.autoscaler(V2HorizontalPodAutoscaler.from_dict({"spec": spec, "status": status}))
    assert (found.minimum, found.maximum, found.current, found.desired) == (2, 9, 3, 4)
    assert found.cpu_percent == 41
    assert found.conditions[0].reason == "FailedGetResourceMetric"
    bare = objects.autoscaler(V2HorizontalPodAutoscaler.from_dict({"spec": spec}))
    assert (bare.cpu_percent, bare.desired) == (None, 0)


def test_an_event() -> None:
    """What it is about, and that it warns."""
    document = {
        "metadata": {"name": "e", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "involvedObject": {"kind": "Pod", "name": "iris-1"},
        "reason": "Unhealthy",
        "message": "Startup probe failed\n",
        "type": "Warning",
    }
    found = objects.event(CoreV1Event.from_dict(document))
    assert (found.kind, found.name, found.reason, found.message, found.warning) == (
        "Pod",
        "iris-1",
        "Unhealthy",
        "Startup probe failed",
        True,
    )
    assert found.at is not None
    assert found.at.year == 2026
