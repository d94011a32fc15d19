"""Breakages of a release on a real cluster, each with the link that doctor must name, and its undoing."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.rig import Project

from ekiben.ground import cgroups
from ekiben.ground.layout import Layout

Act = Callable[[Project], None]
NO_IMAGE = "sha256:" + "0" * 64
RIVAL = {
    "apiVersion": "autoscaling/v2",
    "kind": "HorizontalPodAutoscaler",
    "metadata": {"name": "rival"},
    "spec": {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "iris"},
        "maxReplicas": 2,
        "metrics": [
            {
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 90}},
            }
        ],
    },
}
QUOTA = {
    "apiVersion": "v1",
    "kind": "ResourceQuota",
    "metadata": {"name": "tight"},
    "spec": {"hard": {"pods": "1"}},
}


@dataclass(frozen=True)
class Breakage:
    """One breakage.

    Attributes:
        name: In words.
        link: What doctor must name.
        make: Breaks it.
        undo: Undoes that.
        cause: What why must name; empty where replicas have nothing to do with it.
        warning: The link holds, and must be warned of.
        rate: Requests per second that must run beside it.
    """

    name: str
    link: str
    make: Act
    undo: Act
    cause: str = ""
    warning: bool = False
    rate: float = 0.0


def kubectl(project: Project, *words: str, stdin: Any = None) -> None:
    """Run kubectl in the project's namespace."""
    text = None if stdin is None else json.dumps(stdin)
    project.rig.kubectl("-n", project.namespace, *words, stdin=text)


def patch(kind: str, *operations: Mapping[str, Any]) -> Act:
    """Change fields of the release's object of one kind."""

    def act(project: Project) -> None:
        kubectl(project, "patch", kind, "iris", "--type=json", f"-p={json.dumps(operations)}")

    return act


def put(path: str, value: Any) -> dict[str, Any]:
    """Set a field, whether it is there or not."""
    return {"op": "add", "path": path, "value": value}


def take(path: str) -> dict[str, Any]:
    """Take a field away."""
    return {"op": "remove", "path": path}


def both(*acts: Act) -> Act:
    """One after the other."""

    def act(project: Project) -> None:
        for one in acts:
            one(project)

    return act


def words(*arguments: str, stdin: Any = None) -> Act:
    """A kubectl command in the project's namespace."""
    return lambda project: kubectl(project, *arguments, stdin=stdin)


def annotated(*annotations: str) -> Act:
    """Annotate the release's pods."""
    return words("annotate", "pods", "-l", "app.kubernetes.io/instance=iris", "--overwrite", *annotations)


def metrics_server(replicas: int) -> Act:
    """Change how many replicas metrics-server has."""

    def act(project: Project) -> None:
        project.rig.kubectl(
            "-n", "kube-system", "scale", "deployment", "metrics-server", f"--replicas={replicas}"
        )

    return act


def prometheus(told: signal.Signals) -> Act:
    """Tell the local cluster's Prometheus to stop or go on; a process that is stopped answers nobody."""

    def act(project: Project) -> None:
        layout = Layout.of(project.rig.address.context.removeprefix("ekiben-"))
        for pid in cgroups.processes(layout.cgroup, cgroups.mounted()):
            if Path(f"/proc/{pid}/comm").read_text(encoding="ascii").strip() == "prometheus":
                os.kill(pid, told)

    return act


def resized(request: str, limit: str) -> Act:
    """Change the CPU of the pods while they run."""

    def act(project: Project) -> None:
        resources = {"requests": {"cpu": request}, "limits": {"cpu": limit}}
        body = {"spec": {"containers": [{"name": "model-server", "resources": resources}]}}
        for pod in project.pods():
            name = pod["metadata"]["name"]
            kubectl(project, "patch", "pod", name, "--subresource=resize", f"-p={json.dumps(body)}")

    return act


@contextmanager
def template_kept(project: Project) -> Iterator[None]:
    """Put the Deployment's pod template back as it was, and wait for its pods."""
    found = project.rig.get("deployment", "iris", "-n", project.namespace)["spec"]["template"]
    try:
        yield
    finally:
        now = project.rig.get("deployment", "iris", "-n", project.namespace)["spec"]["template"]
        if now != found:
            patch("deployment", {"op": "replace", "path": "/spec/template", "value": found})(project)
        kubectl(project, "rollout", "status", "deployment/iris", "--timeout=120s")


def rename_port(project: Project) -> None:
    """Give the pods' metrics port another name."""
    spec = project.rig.get("deployment", "iris", "-n", project.namespace)["spec"]["template"]["spec"]
    names = [port["name"] for port in spec["containers"][0]["ports"]]
    patch("deployment", put(f"{_C}/ports/{names.index('metrics')}/name", "metricz"))(project)


def other_image(project: Project) -> None:
    """Ask for an image that the registry does not have."""
    spec = project.rig.get("deployment", "iris", "-n", project.namespace)["spec"]["template"]["spec"]
    repository = spec["containers"][0]["image"].partition("@")[0]
    patch("deployment", put(f"{_C}/image", f"{repository}@{NO_IMAGE}"))(project)


_C = "/spec/template/spec/containers/0"
_TARGET = "/spec/metrics/0/resource/target/averageUtilization"


def nothing(_project: Project) -> None:
    """Undo nothing: the template is put back for every breakage."""


SELECTOR = Breakage(
    "Service selector", "selector", patch("service", put("/spec/selector/tier", "web")),
    patch("service", take("/spec/selector/tier")),
)  # fmt: skip
HPA_TARGET = Breakage(
    "HPA of a missing Deployment", "hpa", patch("hpa", put("/spec/scaleTargetRef/name", "gone")),
    patch("hpa", put("/spec/scaleTargetRef/name", "iris")), cause="no-scale",
)  # fmt: skip
ZERO = Breakage(
    "scaled to zero", "replicas", words("scale", "deployment", "iris", "--replicas=0"),
    words("scale", "deployment", "iris", "--replicas=1"), cause="disabled",
)  # fmt: skip
CHEAP = (SELECTOR, HPA_TARGET, ZERO)
ALL = (
    *CHEAP,
    Breakage("no metrics-server", "metrics-api", metrics_server(0), metrics_server(1), cause="no-figures"),
    Breakage(
        "metrics port's number", "scrape", annotated("prometheus.io/port=3999"),
        annotated("prometheus.io/port=3002"),
    ),
    Breakage("metrics port's name", "ports", rename_port, nothing),
    Breakage(
        "scrape annotation missing", "scrape-target", annotated("prometheus.io/scrape-"),
        annotated("prometheus.io/scrape=true"),
    ),
    Breakage("Prometheus down", "prometheus", prometheus(signal.SIGSTOP), prometheus(signal.SIGCONT)),
    Breakage(
        "HPA at its maximum", "hpa-maximum", patch("hpa", put("/spec/maxReplicas", 1), put(_TARGET, 1)),
        patch("hpa", put("/spec/maxReplicas", 6), put(_TARGET, 60)), cause="maximum", warning=True,
    ),
    Breakage(
        "unready pods", "readiness", patch("deployment", put(f"{_C}/readinessProbe/httpGet/path", "/nope")),
        nothing,
    ),
    Breakage(
        "quota", "creation",
        both(words("apply", "-f", "-", stdin=QUOTA), patch("hpa", put("/spec/minReplicas", 2))),
        both(words("delete", "resourcequota", "tight"), patch("hpa", put("/spec/minReplicas", 1)),
             words("scale", "deployment", "iris", "--replicas=1")),
        cause="minimum",
    ),
    Breakage("image pull", "image", other_image, nothing),
    Breakage(
        "throttled CPU", "throttling", both(patch("hpa", put(_TARGET, 1000)), resized("20m", "40m")),
        both(resized("120m", "300m"), patch("hpa", put(_TARGET, 60))), warning=True, rate=3.0,
    ),
    Breakage(
        "crash loop", "start", words("set", "env", "deployment/iris", "EKIBEN_HTTP_PORT=nonsense"), nothing
    ),
    Breakage(
        "unschedulable", "scheduling",
        words("set", "resources", "deployment", "iris", "--requests=cpu=64", "--limits=cpu=64"), nothing,
    ),
    Breakage(
        "Service port", "ports", patch("service", put("/spec/ports/0/targetPort", 3999)),
        patch("service", put("/spec/ports/0/targetPort", "http")),
    ),
    Breakage(
        "no CPU request", "hpa-metrics",
        patch("deployment", take(f"{_C}/resources/requests/cpu"), take(f"{_C}/resources/limits/cpu")),
        nothing, cause="no-figures",
    ),
    Breakage(
        "two HPAs", "hpa-alone", words("apply", "-f", "-", stdin=RIVAL), words("delete", "hpa", "rival"),
        cause="rivals",
    ),
)  # fmt: skip
