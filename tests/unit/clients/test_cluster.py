"""The door to Kubernetes, against a small API server on loopback that speaks its JSON."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from socket import create_server
from threading import Timer
from typing import Any

import pytest
from tests.unit.clients.conftest import ApiServer, kubeconfig, status

from ekiben.clients import cluster, namespaces
from ekiben.clients.cluster import Cluster
from ekiben.errors import ClusterError


def test_no_context_means_no_cluster(tmp_path: Path) -> None:
    """The current context is never taken by accident."""
    with pytest.raises(ClusterError, match="expected the name of a kube context"):
        cluster.connect(kubeconfig(tmp_path, 1), "")


@pytest.mark.parametrize("there", [True, False])
def test_an_unknown_context_or_file_is_named(tmp_path: Path, there: bool) -> None:
    """The message names the context and the file."""
    path = kubeconfig(tmp_path, 1) if there else tmp_path / "none"
    with pytest.raises(ClusterError, match="'other'") as error:
        cluster.connect(path, "other")
    assert str(path) in str(error.value)


def test_a_cluster_that_is_away(tmp_path: Path) -> None:
    """Refused connections become a ClusterError without a status."""
    with closing(create_server(("127.0.0.1", 0))) as socket:
        port = socket.getsockname()[1]
    with cluster.connect(kubeconfig(tmp_path, port), "mine") as opened, pytest.raises(ClusterError) as error:
        opened.pods("m", "iris")
    assert error.value.status is None
    assert "cluster status" in error.value.remedy


@pytest.mark.parametrize(("code", "remedy"), [(401, "log in"), (403, "right")])
def test_a_refusal_says_what_was_asked(opened: Cluster, server: ApiServer, code: int, remedy: str) -> None:
    """The API server's own words, its status, and what to do."""
    path = "GET /apis/apps/v1/namespaces/m/deployments/iris"
    server.answers[path] = (code, status(code, "you may not"))
    with pytest.raises(ClusterError, match=r"deployment m/iris.*you may not") as error:
        opened.rollout("m", "iris")
    assert error.value.status == code
    assert remedy in error.value.remedy
    assert "secret-token" not in str(error.value)


def test_what_is_not_there_is_none(opened: Cluster) -> None:
    """404 is an answer, not an error."""
    assert opened.rollout("m", "iris") is None
    assert opened.autoscaler("m", "iris") is None
    assert opened.config_map("m", "x") is None
    assert opened.log_tail("m", "gone") == ""


def test_a_namespace_is_made_restricted_and_ours(opened: Cluster, server: ApiServer) -> None:
    """A new one enforces restricted and carries our label; an old one is left as it is."""
    server.answers["POST /api/v1/namespaces"] = (201, {"metadata": {"name": "m"}})
    assert opened.ensure_namespace("m") is True
    labels = server.asked[-1][1]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert labels["app.kubernetes.io/managed-by"] == "ekiben"
    server.answers["GET /api/v1/namespaces/m"] = (200, {"metadata": {"name": "m"}})
    assert opened.ensure_namespace("m") is False


def test_a_namespace_that_is_ending_is_made_anew_once_it_is_gone(opened: Cluster, server: ApiServer) -> None:
    """What an uninstall leaves behind for a moment takes nothing new; without an end the error says so."""
    ending = {"metadata": {"name": "m", "deletionTimestamp": "2026-01-01T00:00:00Z"}}
    server.answers["GET /api/v1/namespaces/m"] = (200, ending)
    server.answers["POST /api/v1/namespaces"] = (201, {"metadata": {"name": "m"}})
    gone = Timer(0.3, lambda: server.answers.pop("GET /api/v1/namespaces/m"))
    gone.start()
    assert opened.ensure_namespace("m") is True
    gone.join()
    asked = [each[0] for each in server.asked]
    assert asked.count("GET /api/v1/namespaces/m") > 1
    assert asked[-1] == "POST /api/v1/namespaces"


def test_a_namespace_that_never_ends_is_told(
    opened: Cluster, server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a bounded time, with the command that shows what keeps it; nothing is made."""
    ending = {"metadata": {"name": "m", "deletionTimestamp": "2026-01-01T00:00:00Z"}}
    server.answers["GET /api/v1/namespaces/m"] = (200, ending)
    monkeypatch.setattr(namespaces, "ENDING_SECONDS", 0.1)
    with pytest.raises(ClusterError, match=r"gone within 0\.1 s") as caught:
        opened.ensure_namespace("m")
    assert "kubectl get namespace m" in caught.value.remedy
    assert "POST /api/v1/namespaces" not in [each[0] for each in server.asked]


def _empty_namespace(server: ApiServer, labels: dict[str, str], config_maps: list[str]) -> None:
    server.answers["GET /api/v1/namespaces/m"] = (200, {"metadata": {"name": "m", "labels": labels}})
    server.answers["DELETE /api/v1/namespaces/m"] = (200, {})
    core = ("pods", "services", "configmaps", "secrets", "serviceaccounts", "persistentvolumeclaims")
    others = (
        "apps/v1:deployments",
        "apps/v1:statefulsets",
        "apps/v1:daemonsets",
        "batch/v1:jobs",
        "batch/v1:cronjobs",
    )
    paths = [f"/api/v1/namespaces/m/{kind}" for kind in core]
    paths += ["/apis/{}/namespaces/m/{}".format(*one.split(":")) for one in others]
    for path in paths:
        names = config_maps if path.endswith("configmaps") else []
        server.answers[f"GET {path}"] = (200, {"items": [{"metadata": {"name": one}} for one in names]})


@pytest.mark.parametrize(
    ("labels", "config_maps", "removed"),
    [
        ({"app.kubernetes.io/managed-by": "ekiben"}, ["kube-root-ca.crt"], True),
        ({"app.kubernetes.io/managed-by": "ekiben"}, ["kube-root-ca.crt", "other-record"], False),
        ({}, ["kube-root-ca.crt"], False),
    ],
)
def test_only_an_empty_namespace_of_ours_is_removed(
    opened: Cluster, server: ApiServer, labels: dict[str, str], config_maps: list[str], removed: bool
) -> None:
    """What every namespace is born with does not count; what anybody put there does."""
    _empty_namespace(server, labels, config_maps)
    assert opened.remove_namespace_if_ours("m") is removed
    assert ("DELETE /api/v1/namespaces/m" in [one[0] for one in server.asked]) is removed


def test_a_request_to_a_service_goes_through_the_api_server(opened: Cluster, server: ApiServer) -> None:
    """JSON goes in by POST with the token; status and body come back, also of a refusal."""
    path = "POST /api/v1/namespaces/m/services/iris:http/proxy/predict"
    server.answers[path] = (200, {"predictions": [0]})
    answer = opened.service_request("m", "iris", "/predict", {"instances": [[1.0]]})
    request, body, headers = server.asked[-1]
    assert (request, body) == (path, {"instances": [[1.0]]})
    assert headers["authorization"] == "Bearer secret-token"
    assert (answer.status, answer.json(), answer.from_api_server) == (200, {"predictions": [0]}, False)
    server.answers[path] = (503, status(503, 'no endpoints available for service "iris"'))
    refused = opened.service_request("m", "iris", "/predict", {"instances": []})
    assert (refused.status, refused.from_api_server) == (503, True)
    server.answers[path] = (422, {"title": "wrong rows", "status": 422})
    assert not opened.service_request("m", "iris", "/predict", {"instances": []}).from_api_server


def test_a_request_to_one_pod(opened: Cluster, server: ApiServer) -> None:
    """Pods are reached by their numeric port."""
    server.answers["GET /api/v1/namespaces/m/pods/iris-1:3000/proxy/readyz"] = (200, {"status": "ready"})
    assert opened.pod_request("m", "iris-1", "/readyz").json() == {"status": "ready"}


def test_an_answer_that_is_not_json(opened: Cluster, server: ApiServer) -> None:
    """It becomes a ClusterError that shows the beginning."""
    server.answers["GET /api/v1/namespaces/m/pods/iris-1:3000/proxy/readyz"] = (200, b"<html>")
    with pytest.raises(ClusterError, match="<html>"):
        opened.pod_request("m", "iris-1", "/readyz").json()


def _add(key: str) -> Callable[[Any], dict[str, str]]:
    return lambda data: {**data, key: "1"}


def test_a_config_map_is_made_then_changed_at_the_version_that_was_read(
    opened: Cluster, server: ApiServer
) -> None:
    """Writes carry resourceVersion, so that nobody's change is lost."""
    one, many = "/api/v1/namespaces/m/configmaps/x", "/api/v1/namespaces/m/configmaps"
    server.answers[f"POST {many}"] = (201, {})
    opened.change_config_map("m", "x", _add("a"), {"l": "v"})
    assert server.asked[-1][1]["data"] == {"a": "1"}
    server.answers[f"GET {one}"] = (200, {"metadata": {"resourceVersion": "7"}, "data": {"a": "1"}})
    server.answers[f"PUT {one}"] = (200, {})
    opened.change_config_map("m", "x", _add("b"), {"l": "v"})
    body = server.asked[-1][1]
    assert body["data"] == {"a": "1", "b": "1"}
    assert body["metadata"]["resourceVersion"] == "7"


def test_a_config_map_that_others_keep_changing(opened: Cluster, server: ApiServer) -> None:
    """A conflict is tried again, a few times."""
    one = "/api/v1/namespaces/m/configmaps/x"
    server.answers[f"GET {one}"] = (200, {"metadata": {"resourceVersion": "7"}})
    server.answers[f"PUT {one}"] = (409, status(409, "modified"))
    with pytest.raises(ClusterError, match="faster than it can be written"):
        opened.change_config_map("m", "x", _add("b"), {})
    assert [request for request, _, _ in server.asked].count(f"PUT {one}") == 5


@pytest.mark.parametrize("scaled", [False, True])
def test_replicas_are_held_unless_an_hpa_owns_them(opened: Cluster, server: ApiServer, scaled: bool) -> None:
    """The present number is applied under our name; with an HPA nothing is written."""
    path = "/apis/apps/v1/namespaces/m/deployments/iris"
    spec = {"replicas": 3, "selector": {}, "template": {"spec": {"containers": []}}}
    server.answers[f"GET {path}"] = (200, {"metadata": {"name": "iris"}, "spec": spec})
    patch = f"PATCH {path}?fieldManager=ekiben&force=true"
    server.answers[patch] = (200, {})
    if scaled:
        target = {"kind": "Deployment", "name": "iris"}
        hpa = "GET /apis/autoscaling/v2/namespaces/m/horizontalpodautoscalers/iris"
        server.answers[hpa] = (200, {"spec": {"scaleTargetRef": target, "maxReplicas": 4}})
    opened.hold_replicas("m", "iris")
    written = [(body["spec"], headers) for request, body, headers in server.asked if request == patch]
    assert [body for body, _ in written] == ([] if scaled else [{"replicas": 3}])
    assert all(headers["content-type"] == "application/apply-patch+yaml" for _, headers in written)


def test_the_hpa_that_keda_made_is_the_releases(opened: Cluster, server: ApiServer) -> None:
    """It is asked for where there is none of the release's own name."""
    hpa = "GET /apis/autoscaling/v2/namespaces/m/horizontalpodautoscalers/keda-hpa-iris"
    target = {"kind": "Deployment", "name": "iris"}
    server.answers[hpa] = (200, {"spec": {"scaleTargetRef": target, "maxReplicas": 7}})
    found = opened.autoscaler("m", "iris")
    assert found is not None
    assert (found.target_name, found.maximum) == ("iris", 7)


def test_pods_are_asked_by_release(opened: Cluster, server: ApiServer) -> None:
    """The selector names the release and the chart; the list is in order."""
    selector = "app.kubernetes.io/instance=iris,app.kubernetes.io/name=model-server"
    items = [
        {"metadata": {"name": name}, "spec": {"containers": []}, "status": {"phase": "Running"}}
        for name in ("b", "a")
    ]
    server.answers[f"GET /api/v1/namespaces/m/pods?labelSelector={selector}"] = (200, {"items": items})
    assert [pod.name for pod in opened.pods("m", "iris")] == ["a", "b"]


def test_pods_are_told_to_look_at_their_secrets(opened: Cluster, server: ApiServer) -> None:
    """An annotation of each pod of the release; one that has gone meanwhile is no error."""
    selector = "app.kubernetes.io/instance=iris,app.kubernetes.io/name=model-server"
    items = [
        {"metadata": {"name": name}, "spec": {"containers": []}, "status": {"phase": "Running"}}
        for name in ("a", "gone")
    ]
    server.answers[f"GET /api/v1/namespaces/m/pods?labelSelector={selector}"] = (200, {"items": items})
    server.answers["PATCH /api/v1/namespaces/m/pods/a"] = (200, {})
    server.answers["PATCH /api/v1/namespaces/m/pods/gone"] = (404, status(404, "not found"))
    opened.refresh_pods("m", "iris", "2026-01-01")
    told = [(request, body) for request, body, _ in server.asked if request.startswith("PATCH")]
    annotated = {"metadata": {"annotations": {"ekiben.dev/secrets-changed": "2026-01-01"}}}
    assert told == [(f"PATCH /api/v1/namespaces/m/pods/{name}", annotated) for name in ("a", "gone")]
