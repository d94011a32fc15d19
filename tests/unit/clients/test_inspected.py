"""What a diagnosis asks of the API server: which paths, and what absence and refusals become."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.clients.conftest import ApiServer, kubeconfig, status

from ekiben.clients import cluster
from ekiben.clients.cluster import Cluster
from ekiben.errors import ClusterError

SELECTED = "labelSelector=a=b"
LISTS: dict[str, Callable[[Cluster], tuple[Any, ...]]] = {
    "/api/v1/namespaces/m/pods?" + SELECTED: lambda c: c.replicas("m", {"a": "b"}),
    "/apis/metrics.k8s.io/v1beta1/namespaces/m/pods?" + SELECTED: lambda c: c.pod_usages("m", {"a": "b"}),
    "/apis/autoscaling/v2/namespaces/m/horizontalpodautoscalers": lambda c: c.scalers("m"),
    "/apis/keda.sh/v1alpha1/namespaces/m/scaledobjects": lambda c: c.scaled_objects("m"),
    "/apis/discovery.k8s.io/v1/namespaces/m/endpointslices"
    "?labelSelector=kubernetes.io/service-name=iris": lambda c: c.endpoints("m", "iris"),
}
OBJECTS: dict[str, Callable[[Cluster], Any]] = {
    "/apis/apps/v1/namespaces/m/deployments/iris": lambda c: c.deployment("m", "iris"),
    "/api/v1/namespaces/m/services/iris": lambda c: c.service("m", "iris"),
    "/apis/apiregistration.k8s.io/v1/apiservices/x": lambda c: c.api_service("x"),
}
NAMED: dict[str, Any] = {"metadata": {"name": "iris"}, "spec": {}}


@pytest.mark.parametrize("path", LISTS)
def test_lists(opened: Cluster, server: ApiServer, path: str) -> None:
    """Each is asked for at its path; a kind that the cluster does not know is an empty list."""
    assert LISTS[path](opened) == ()
    assert server.asked[-1][0] == f"GET {path}"
    item = {**NAMED, "endpoints": [{"targetRef": {"name": "iris"}}]}
    server.answers[f"GET {path}"] = (200, {"items": [item]})
    assert len(LISTS[path](opened)) == 1


@pytest.mark.parametrize("path", OBJECTS)
def test_objects(opened: Cluster, server: ApiServer, path: str) -> None:
    """None if there is no such object."""
    assert OBJECTS[path](opened) is None
    server.answers[f"GET {path}"] = (200, NAMED)
    assert OBJECTS[path](opened).name == "iris"


def test_monitors_of_both_kinds_are_asked_for_by_release(opened: Cluster, server: ApiServer) -> None:
    """A cluster without the operator has none."""
    assert opened.monitors("m", "iris") == ()
    label = "labelSelector=app.kubernetes.io/instance=iris"
    path = "/apis/monitoring.coreos.com/v1/namespaces/m"
    asked = [f"GET {path}/servicemonitors?{label}", f"GET {path}/podmonitors?{label}"]
    assert [one[0] for one in server.asked] == asked
    server.answers[asked[1]] = (200, {"items": [NAMED]})
    assert [(one.kind, one.name) for one in opened.monitors("m", "iris")] == [("PodMonitor", "iris")]


def test_the_version(opened: Cluster, server: ApiServer) -> None:
    """As the API server says it."""
    server.answers["GET /version"] = (200, {"gitVersion": "v1.35.4"})
    assert opened.version() == "v1.35.4"


@pytest.mark.parametrize(("code", "remedy"), [(401, "log in"), (403, "right"), (503, "")])
def test_a_refusal_is_a_cluster_error(opened: Cluster, server: ApiServer, code: int, remedy: str) -> None:
    """With its status and its words: whoever asks tells what is forbidden from what is broken."""
    path = "GET /apis/metrics.k8s.io/v1beta1/namespaces/m/pods"
    server.answers[path] = (code, status(code, "unable"))
    with pytest.raises(ClusterError, match=r"use by the metrics API in m.*unable") as error:
        opened.pod_usages("m", {})
    assert error.value.status == code
    assert remedy in error.value.remedy


def test_a_refusal_that_is_no_json(opened: Cluster, server: ApiServer) -> None:
    """A proxy's page becomes the same error."""
    server.answers["GET /version"] = (502, b"<html>")
    with pytest.raises(ClusterError, match="502"):
        opened.version()


def test_a_server_that_is_away(tmp_path: Path) -> None:
    """No answer is an error without a status."""
    with cluster.connect(kubeconfig(tmp_path, 9), "mine") as away, pytest.raises(ClusterError) as error:
        away.version()
    assert error.value.status is None
