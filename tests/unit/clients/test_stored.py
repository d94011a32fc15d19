"""Secrets through the door to Kubernetes: whole, at the version that was read, and never in a message."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest
from tests.unit.clients.conftest import ApiServer, status

from ekiben.clients.cluster import Cluster
from ekiben.errors import ClusterError

ONE, MANY = "/api/v1/namespaces/m/secrets/x", "/api/v1/namespaces/m/secrets"
STORED = {
    "metadata": {"name": "x", "resourceVersion": "7", "labels": {"mine": "1"}},
    "data": {"a": "c2VjcmV0"},
}


def test_a_secret_is_read_decoded(opened: Cluster, server: ApiServer) -> None:
    """Kubernetes has base64 (here: of `secret`), ekiben bytes; one that is not there is None."""
    assert opened.secret("m", "x") is None
    server.answers[f"GET {ONE}"] = (200, STORED)
    assert opened.secret("m", "x") == {"a": b"secret"}
    server.answers[f"GET {ONE}"] = (200, {"metadata": {"name": "x"}})
    assert opened.secret("m", "x") == {}


def test_a_secret_is_made_with_its_labels(opened: Cluster, server: ApiServer) -> None:
    """One read, one create: the verbs get and create."""
    server.answers[f"POST {MANY}"] = (201, {})
    opened.change_secret("m", "x", lambda data: {**data, "k": b"\x00\xff"}, {"l": "v"})
    assert [request for request, _, _ in server.asked] == [f"GET {ONE}", f"POST {MANY}"]
    body = server.asked[-1][1]
    assert {key: base64.b64decode(text) for key, text in body["data"].items()} == {"k": b"\x00\xff"}
    assert body["metadata"] == {"name": "x", "labels": {"l": "v"}}


def test_a_secret_is_changed_at_the_version_that_was_read(opened: Cluster, server: ApiServer) -> None:
    """What else it holds, and labels of others, stay."""
    server.answers[f"GET {ONE}"], server.answers[f"PUT {ONE}"] = (200, STORED), (200, {})
    opened.change_secret("m", "x", lambda data: {**data, "b": b"2"}, {"l": "v"})
    body = server.asked[-1][1]
    assert body["data"] == {"a": "c2VjcmV0", "b": "Mg=="}
    assert body["metadata"]["resourceVersion"] == "7"
    assert body["metadata"]["labels"] == {"mine": "1"}


def test_a_conflict_is_tried_again_with_what_is_there_now(opened: Cluster, server: ApiServer) -> None:
    """Nobody's change is lost; after five conflicts it is given up."""
    server.answers[f"GET {ONE}"] = (200, STORED)
    server.answers[f"PUT {ONE}"] = (409, status(409, "modified"))
    seen: list[Any] = []

    def changed(data: Mapping[str, bytes]) -> Mapping[str, bytes]:
        seen.append(data)
        return {**data, "b": b"topsecret"}

    with pytest.raises(ClusterError, match="faster than it can be written") as error:
        opened.change_secret("m", "x", changed, {})
    assert seen == [{"a": b"secret"}] * 5
    assert "secret'" not in str(error.value)


def test_a_refusal_does_not_show_what_was_to_be_written(opened: Cluster, server: ApiServer) -> None:
    """Neither in words nor in base64."""
    server.answers[f"POST {MANY}"] = (403, status(403, "you may not"))
    with pytest.raises(ClusterError, match="you may not") as error:
        opened.change_secret("m", "x", lambda _: {"key": b"hunter2"}, {})
    chain = f"{error.value} {error.value.__cause__}"
    assert "hunter2" not in chain
    assert base64.b64encode(b"hunter2").decode() not in chain


def test_a_secret_is_removed_if_it_is_there(opened: Cluster, server: ApiServer) -> None:
    """Twice is as good as once."""
    server.answers[f"DELETE {ONE}"] = (200, {})
    opened.remove_secret("m", "x")
    del server.answers[f"DELETE {ONE}"]
    opened.remove_secret("m", "x")
    assert [request for request, _, _ in server.asked] == [f"DELETE {ONE}"] * 2


def test_a_key_passes_the_api_servers_proxy_beside_its_own_login(opened: Cluster, server: ApiServer) -> None:
    """`Authorization` is the API server's; the pod's credential goes in a header of its own."""
    path = "POST /api/v1/namespaces/m/services/iris:http/proxy/predict"
    server.answers[path] = (200, {})
    opened.service_request("m", "iris", "/predict", {}, headers={"X-API-Key": "ekiben_a_1"})
    headers = server.asked[-1][2]
    assert (headers["authorization"], headers["x-api-key"]) == ("Bearer secret-token", "ekiben_a_1")
    assert headers["content-type"] == "application/json"


@pytest.mark.parametrize(("protocol", "scheme"), [("https", "https:"), ("http", ""), (None, "")])
def test_a_service_that_speaks_tls_is_asked_over_tls(
    opened: Cluster, server: ApiServer, protocol: str | None, scheme: str
) -> None:
    """As its port says; so are pods, and the load goes to the same scheme."""
    ports = [
        {"name": "http", "port": 80, "appProtocol": protocol},
        {"name": "x", "port": 1, "appProtocol": "https"},
    ]
    service = {"spec": {"clusterIP": "10.43.0.9", "ports": ports}}
    server.answers["GET /api/v1/namespaces/m/services/iris"] = (200, service)
    server.answers[f"GET /api/v1/namespaces/m/services/{scheme}iris:http/proxy/livez"] = (200, {"ok": 1})
    assert opened.service_request("m", "iris", "/livez").json() == {"ok": 1}
    assert opened.service_url("m", "iris") == f"{'https' if scheme else 'http'}://10.43.0.9:80"
    server.answers[f"GET /api/v1/namespaces/m/pods/{scheme}p:3000/proxy/livez"] = (200, {"ok": 2})
    assert opened.pod_request("m", "p", "/livez", tls=bool(scheme)).json() == {"ok": 2}


@pytest.mark.parametrize(("scheme", "tls"), [("HTTPS", True), ("HTTP", False), (None, False)])
def test_a_pod_that_speaks_tls_is_known_by_its_probe(
    opened: Cluster, server: ApiServer, scheme: str | None, tls: bool
) -> None:
    """The kubelet has to know it too."""
    probe = {"httpGet": {"path": "/readyz", "port": "http", "scheme": scheme}}
    containers = [{"name": "model-server", "readinessProbe": probe}]
    item = {"metadata": {"name": "p"}, "spec": {"containers": containers}, "status": {}}
    selector = "app.kubernetes.io/instance=iris,app.kubernetes.io/name=model-server"
    server.answers[f"GET /api/v1/namespaces/m/pods?labelSelector={selector}"] = (200, {"items": [item]})
    assert [pod.tls for pod in opened.pods("m", "iris")] == [tls]


def test_a_services_port_is_found_by_its_name(opened: Cluster, server: ApiServer) -> None:
    """A port of gRPC is plain or over TLS; a release without it is told so, and which ports it has."""
    ports = [
        {"name": "http", "port": 80, "appProtocol": "http"},
        {"name": "grpc", "port": 3001, "appProtocol": "kubernetes.io/h2c"},
        {"name": "metrics", "port": 3002, "appProtocol": "http"},
    ]
    service = {"spec": {"clusterIP": "10.43.0.9", "ports": ports}}
    server.answers["GET /api/v1/namespaces/m/services/iris"] = (200, service)
    assert opened.service_url("m", "iris", "grpc") == "http://10.43.0.9:3001"
    ports[1]["appProtocol"] = "https"
    assert opened.service_url("m", "iris", "grpc") == "https://10.43.0.9:3001"
    del ports[1]
    with pytest.raises(
        ClusterError, match=r"port 'grpc' of the Service m/iris, found http, metrics"
    ) as raised:
        opened.service_url("m", "iris", "grpc")
    assert "server.grpc: true" in raised.value.remedy
