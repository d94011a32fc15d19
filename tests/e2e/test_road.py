"""The road, station by station, as a user sees it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from sklearn import datasets
from tests.e2e import load
from tests.e2e.rig import Project, Rig, counter, wait

from ekiben.scale.load import generator

LARGEST_IMAGE = 100_000_000  # bytes, compressed; the flagship's own budget
SCRAPE_SECONDS = 5


def test_the_image_is_small_and_holds_no_tools(image: dict[str, Any], bento: dict[str, Any]) -> None:
    """The layers sum to at most 100 MB, and no compiler, git or pip is inside."""
    from ekiben.image import contents

    found = contents.files(Path(image["archive"]))
    Rig.figures.append({"image_compressed_mb": round(image["compressed_bytes"] / 1e6, 1)})
    assert image["compressed_bytes"] == sum(layer["compressed_bytes"] for layer in image["layers"])
    assert image["compressed_bytes"] <= LARGEST_IMAGE
    names = {path.rsplit("/", 1)[-1] for path in found}
    assert not names & {"gcc", "cc", "g++", "git", "pip", "pip3", "apt-get", "make", "ld"}
    assert not [path for path in found if "/pip/" in path or "/ensurepip/" in path]
    assert any(path.endswith("opt/ekiben/model/manifest.json") for path in found), bento["tag"]


def test_the_service_answers_as_scikit_learn(
    project: Project, model: dict[str, Any], revision: dict[str, Any]
) -> None:
    """`ekiben predict` gives the label of the row in scikit-learn's own data."""
    assert revision["checks"]
    row = datasets.load_iris().data[0].tolist()
    answer = project.ekiben("predict", "iris", "--rows", json.dumps([row]))
    assert answer["predictions"] == [0]
    assert answer["model"] == dict(zip(("name", "version"), model["tag"].split(":"), strict=True))


def test_every_pod_runs_the_released_digest(
    project: Project, image: dict[str, Any], revision: dict[str, Any]
) -> None:
    """`imageID` of each container ends with the digest that the registry gave."""
    digest = image["image"].split("@")[1]
    assert revision["image"].endswith(digest)
    found = {
        s["imageID"].split("@")[-1] for pod in project.pods() for s in pod["status"]["containerStatuses"]
    }
    assert found == {digest}


def test_the_pod_is_restricted(project: Project, rig: Rig, revision: dict[str, Any]) -> None:
    """The namespace enforces *restricted*; no root, no writable root file system, no capability."""
    labels = rig.get("namespace", project.namespace)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted", revision
    for pod in project.pods():
        spec, container = pod["spec"], pod["spec"]["containers"][0]["securityContext"]
        assert spec["securityContext"]["runAsUser"] == 10001
        assert container["readOnlyRootFilesystem"] is True
        assert container["capabilities"] == {"drop": ["ALL"]}
        assert spec["automountServiceAccountToken"] is False
    deployment = rig.kubectl("get", "deployment", "iris", "-n", project.namespace, "-o", "json")
    assert "Warning" not in rig.kubectl(
        "apply", "--dry-run=server", "-f", "-", stdin=deployment, check=False
    ).replace(
        "Warning: resource deployments/iris is missing the kubectl.kubernetes.io/last-applied-configuration",
        "",
    )


def test_another_pod_reaches_the_service_by_name(
    project: Project, rig: Rig, image: dict[str, Any], revision: dict[str, Any]
) -> None:
    """A pod posts to http://iris.<namespace>.svc.cluster.local/predict and gets an answer."""
    assert revision["revision"]
    url = f"http://iris.{project.namespace}.svc.cluster.local/predict"
    program = f"""
import urllib.request as u
r = u.Request("{url}", b"[5.1, 3.5, 1.4, 0.2]", {{"Content-Type": "application/json"}})
print(u.urlopen(r, timeout=5).read().decode())
"""
    caller = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "caller", "namespace": project.namespace, "labels": {"app": "caller"}},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 10001,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "caller",
                    "image": image["image"],
                    "command": ["/usr/bin/python3", "-c", program],
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                }
            ],
        },
    }
    rig.kubectl("apply", "-f", "-", stdin=json.dumps(caller))

    def phase() -> str:
        return str(rig.get("pod", "caller", "-n", project.namespace)["status"]["phase"])

    wait(lambda: phase() in ("Succeeded", "Failed"), 60, "the calling pod to end")
    printed = rig.kubectl("logs", "caller", "-n", project.namespace)
    rig.kubectl("delete", "pod", "caller", "-n", project.namespace, "--wait=false")
    assert json.loads(printed)["prediction"] == 0


def test_counters_equal_what_the_client_counted(
    project: Project, model: dict[str, Any], revision: dict[str, Any]
) -> None:
    """Raw counters of all pods grow by exactly the requests that the client sent, by route and status."""
    assert revision["revision"]
    where = load.target(project, Path(model["folder"]))

    def counted() -> tuple[float, float, float]:
        text = "\n".join(project.scrape().values())
        route = {"http_route": "/predict"}
        return (
            counter(text, "http_server_arrivals_total", **route),
            counter(
                text, "http_server_request_duration_seconds_count", **route, http_response_status_code="200"
            ),
            counter(text, "model_predictions_total"),
        )

    def names() -> set[str]:
        return {pod["metadata"]["name"] for pod in project.pods()}

    for _ in range(3):  # a pod that ends meanwhile takes its counters with it: then it is counted again
        pods, before = names(), counted()
        measured = generator.run(where, load.steady(10, 20), seed=3)
        assert (measured.failed, measured.sent) == (0, 200)
        after = counted()
        if pods <= names():
            break
    assert [b - a for a, b in zip(before, after, strict=True)] == [200, 200, 200]


def test_prometheus_returns_rate_errors_and_latency(
    project: Project, rig: Rig, model: dict[str, Any], revision: dict[str, Any]
) -> None:
    """`ekiben status` shows the rate that was sent, no errors, and quantiles near the client's own."""
    assert revision["revision"]
    where = load.target(project, Path(model["folder"]))
    with load.running(where, load.steady(10, 80)) as done:
        time.sleep(75)
        status = project.ekiben("status", "iris")
    measured = done[0]
    assert measured.failed == 0
    assert abs(status["request_rate"] - 10) <= 10 * (2 * SCRAPE_SECONDS / 60)
    assert status["error_ratio"] == 0
    assert 0 < status["latency_p50_seconds"] <= status["latency_p95_seconds"] <= status["latency_p99_seconds"]
    # The client's time contains the server's; the histogram's buckets are coarse upwards.
    assert status["latency_p50_seconds"] <= measured.latency.p50 * 2.5
    promql = (
        f'sum(rate(http_server_arrivals_total{{namespace="{project.namespace}",http_route="/predict"}}[1m]))'
    )
    assert rig.query(promql) >= 0


def test_status_says_what_is(
    project: Project, rig: Rig, model: dict[str, Any], image: dict[str, Any], revision: dict[str, Any]
) -> None:
    """`ekiben status` names the model, the digest, the revision and the replicas that kubectl shows."""
    assert revision["revision"]
    status = project.ekiben("status", "iris")
    assert status["image"] == image["image"]
    assert status["model"] == model["tag"]
    secrets = rig.get("secrets", "-n", project.namespace, "-l", "owner=helm,name=iris")["items"]
    newest = max(int(secret["metadata"]["labels"]["version"]) for secret in secrets)
    assert status["revision"].endswith(f" {newest}")
    assert status["replicas"]["ready"] == project.ready()
