from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from ekiben.errors import ToolError
from ekiben.ground import addresses, components, keda, ready
from ekiben.ground.record import Record, dump, parse

PLACE = addresses.at(0)
WITHOUT = Record("x", "ekiben-x", PLACE, "ekiben-x", Path("/b"), Path("/d"), Path("/r"))
WITH = replace(WITHOUT, keda=Path("/k"))
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: keda}}
spec:
  template:
    spec:
      securityContext: {{runAsNonRoot: true}}
      containers:
        - name: {name}
          image: ghcr.io/kedacore/keda:main
          imagePullPolicy: Always
          command: [/keda]
          args: [--secure-port=6443]
          resources: {{limits: {{cpu: 1000m}}}}
"""
BOTH = "\n---\n".join(
    ["apiVersion: v1\nkind: Namespace\nmetadata: {name: keda}"]
    + [DEPLOYMENT.format(name=name) for name in ("keda-operator", "keda-metrics-apiserver")]
)


def test_upstreams_containers_run_what_was_built_here_and_keep_their_limits() -> None:
    """No image of a registry that is out of reach is left, nothing is pulled, no root."""
    text = keda.manifest(BOTH)
    namespace, operator, adapter = yaml.safe_load_all(text)
    assert namespace == {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "keda"}}
    assert "ghcr.io" not in text
    for each, program in ((operator, "operator"), (adapter, "adapter")):
        pod = each["spec"]["template"]["spec"]
        container = pod["containers"][0]
        assert container["command"] == [f"/{program}"]
        assert container["image"].endswith(f"keda-{program}:1")
        assert container["imagePullPolicy"] == "IfNotPresent"
        assert container["resources"] == {"limits": {"cpu": "1000m"}}
        assert pod["securityContext"]["runAsUser"] > 0


def test_only_the_operator_is_told_that_there_are_no_webhooks() -> None:
    """The adapter knows no such argument, and would not start with it."""
    _, operator, adapter = yaml.safe_load_all(keda.manifest(BOTH))
    said = [each["spec"]["template"]["spec"]["containers"][0]["args"] for each in (operator, adapter)]
    assert said == [["--secure-port=6443", "--enable-webhook-patching=false"], ["--secure-port=6443"]]


def test_manifests_of_another_shape_are_refused() -> None:
    """A version of KEDA with other containers is not installed half."""
    with pytest.raises(ToolError, match="keda-metrics-apiserver"):
        keda.manifest(DEPLOYMENT.format(name="keda-operator"))


def test_a_record_remembers_keda() -> None:
    """A repair brings back what was asked for; a record of before knows of none."""
    assert parse(dump(WITH)) == WITH
    assert parse(dump(WITHOUT).replace('"keda": null', '"other": null')) == WITHOUT


def test_a_node_with_keda_imports_its_images_before_pods_of_it_are_asked_for() -> None:
    """Once containerd answers; without KEDA no such component is there."""
    names = [each.name for each in components.of_node(PLACE, "n", with_keda=True)]
    assert names.index("containerd") < names.index("keda-images") < names.index("manifests")
    assert "keda-images" not in [each.name for each in components.of_node(PLACE, "n")]


def test_a_cluster_with_keda_is_ready_with_its_metrics_api() -> None:
    """`cluster up` ends when an autoscaler could ask for demand."""
    assert [each.name for each in ready.goals(WITH)] == [*(each.name for each in ready.GOALS), "KEDA"]
    assert ready.goals(WITHOUT) == ready.GOALS
