"""The chart and the plain manifests before a real API server, under Pod Security *restricted*."""

from __future__ import annotations

import json
import os
import secrets
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.chart.conftest import CHART, IMAGE, VARIANTS, values_of
from tests.e2e.rig import Rig, ready_of, wait

from ekiben.clients import helm, tools

K8S = Path(__file__).resolve().parents[2] / "k8s"
# Kinds of other projects, for clusters that have them. ekiben's own clusters know rules alone.
FOREIGN = {
    "PrometheusRule": "monitoring.coreos.com/v1",
    "ServiceMonitor": "monitoring.coreos.com/v1",
    "PodMonitor": "monitoring.coreos.com/v1",
    "ScaledObject": "keda.sh/v1alpha1",
    "HTTPRoute": "gateway.networking.k8s.io/v1",
}
READY_SECONDS = 120


@pytest.fixture(scope="module")
def namespace(rig: Rig) -> Iterator[str]:
    """One that enforces *restricted* and warns of what breaks it."""
    name = f"e2e-restricted-{secrets.token_hex(2)}"
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
    metadata = {
        "name": name,
        "labels": labels,
    }  # from the first moment: labels that come later are seen later
    rig.kubectl(
        "create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    )
    yield name
    rig.kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false")


@pytest.fixture(scope="module")
def unknown(rig: Rig) -> set[str]:
    """Kinds among the foreign ones that this cluster does not have."""
    served = rig.kubectl("api-versions").split()
    found = set()
    for kind, version in FOREIGN.items():
        group, _, _ = version.partition("/")
        kinds = (
            rig.kubectl("api-resources", f"--api-group={group}", "--no-headers").split()
            if version in served
            else []
        )
        if kind not in kinds:
            found.add(kind)
    return found


def _complaints(rig: Rig, namespace: str, objects: list[dict[str, Any]]) -> list[str]:
    """What the API server says of objects, but that it would take them: warnings and errors."""
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    said = rig.kubectl(
        "-n", namespace, "apply", "--server-side", "--dry-run=server", "-f", "-", stdin=text, check=False
    )
    lines = [line for line in said.splitlines() if not line.endswith("serverside-applied (server dry run)")]
    taken = len(said.splitlines()) - len(lines)
    return lines if taken == len(objects) else [*lines, f"{taken} of {len(objects)} objects were taken"]


def test_a_pod_that_breaks_the_standard_is_told_apart(rig: Rig, namespace: str) -> None:
    """The namespace does enforce and warn: else the tests below could not fail."""
    bad = {"containers": [{"name": "a", "image": "a"}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bad"}, "spec": bad}
    [said, _] = _complaints(rig, namespace, [pod])
    assert "violates PodSecurity" in said
    labels = {"matchLabels": {"a": "b"}}
    template = {"metadata": {"labels": {"a": "b"}}, "spec": bad}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "bad"},
        "spec": {"selector": labels, "template": template},
    }
    [said] = _complaints(rig, namespace, [deployment])
    assert said.startswith("Warning: would violate PodSecurity")


@pytest.mark.parametrize("variant", ["default", *VARIANTS])
def test_the_chart_is_taken_without_a_warning(
    rig: Rig, namespace: str, unknown: set[str], variant: str
) -> None:
    """Every object of the values, with rules and boards; only kinds that this cluster lacks are left out."""
    values = {"image": IMAGE} if variant == "default" else values_of(variant)
    values = {**values, "prometheusRule": {"enabled": True}, "dashboards": {"enabled": True}}
    kinds = tuple(f"{version}/{kind}" for kind, version in FOREIGN.items())
    text = helm.template(tools.find("helm"), CHART, "iris", namespace, values, api_versions=kinds)
    objects = [one for one in yaml.safe_load_all(text) if one]
    for one in _accounts(objects):  # without it `helm test`'s pod is refused, whatever else it is
        rig.kubectl("-n", namespace, "apply", "--server-side", "-f", "-", stdin=json.dumps(one))
    left_out = [one for one in objects if one["kind"] in unknown]
    assert len(objects) - len(left_out) >= 6
    assert _complaints(rig, namespace, [one for one in objects if one not in left_out]) == []
    for one in left_out:
        assert any("no matches for kind" in line for line in _complaints(rig, namespace, [one]))


def _accounts(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The accounts of the objects, and those that the values say are there."""
    made = [one for one in objects if one["kind"] == "ServiceAccount"]
    named = {one["spec"]["serviceAccountName"] for one in objects if one["kind"] == "Pod"}
    bare = {"apiVersion": "v1", "kind": "ServiceAccount"}
    there = {one["metadata"]["name"] for one in made} | {"default"}
    return [*made, *({**bare, "metadata": {"name": name}} for name in sorted(named - there))]


@pytest.mark.parametrize("folder", ["base", "overlays/dev", "overlays/production"])
def test_the_plain_manifests_are_taken_without_a_warning(rig: Rig, namespace: str, folder: str) -> None:
    """An overlay brings its own namespace under *restricted*; here its objects go to the tests' one."""
    objects = [one for one in yaml.safe_load_all(rig.kubectl("kustomize", str(K8S / folder))) if one]
    spaces = [one for one in objects if one["kind"] == "Namespace"]
    assert len(spaces) == (folder != "base")
    for one in spaces:
        assert one["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
        assert _complaints(rig, namespace, [one]) == []
    rest = [one for one in objects if one["kind"] != "Namespace"]
    for one in rest:
        one["metadata"]["namespace"] = namespace
    assert _complaints(rig, namespace, rest) == []


def test_the_dev_overlay_runs(rig: Rig, image: dict[str, Any], tmp_path: Path) -> None:
    """`kubectl apply -k` with an image by digest: a pod under *restricted* gets ready and answers."""
    name = f"e2e-plain-{secrets.token_hex(2)}"
    repository, _, digest = image["image"].partition("@")
    overlay = os.path.relpath(K8S / "overlays" / "dev", tmp_path.resolve())
    document = {
        "namespace": name,
        "resources": [overlay],
        "images": [{"name": "ekiben/iris", "newName": repository, "digest": digest}],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(document))
    try:
        said = rig.kubectl("apply", "-k", str(tmp_path))
        assert "Warning" not in said
        wait(lambda: ready_of(rig.get("pods", "-n", name)["items"]) >= 1, READY_SECONDS, "a ready pod")
        assert rig.get("namespace", name)["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
        host = rig.get("service", "iris", "-n", name)["spec"]["clusterIP"]
        request = urllib.request.Request(
            f"http://{host}/predict", b"[5.1, 3.5, 1.4, 0.2]", {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            assert json.load(response)["prediction"] == 0
    finally:
        rig.kubectl("delete", "namespace", name, "--ignore-not-found", "--wait=false")
