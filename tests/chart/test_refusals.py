"""Every value that can break a rollout is refused before the cluster is touched, by a sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.chart.conftest import CHART, IMAGE, Render
from tests.chart.test_demand import AIM, DEMAND, KEDA, RECORDED

from ekiben.clients import helm
from ekiben.errors import ToolError

OFF = {"autoscaling": {"enabled": False}}
CONTAINER = {"name": "x", "image": "r/x:1"}
FOREIGN = {"enabled": False}


def _resources(kind: str, name: str, quantity: Any) -> dict[str, Any]:
    return {"resources": {kind: {name: quantity}}}


def _path(path: str, how: str) -> dict[str, Any]:
    hosts = [{"host": "a.example.com", "paths": [{"path": path, "pathType": how}]}]
    return {"ingress": {"enabled": True, "hosts": hosts}}


def _nodes(cidr: str) -> dict[str, Any]:
    return {"networkPolicy": {"nodeCIDRs": [cidr]}}


@pytest.mark.parametrize(
    ("values", "says"),
    [
        # scaling
        ({"keda": KEDA}, "keda.enabled: expected autoscaling.enabled=false beside it"),
        ({"replicaCount": 3}, "replicaCount: expected none while autoscaling.enabled"),
        ({**DEMAND, "replicaCount": 3}, "replicaCount: expected none"),
        ({"autoscaling": {"minReplicas": 5, "maxReplicas": 4}}, "expected minReplicas <= maxReplicas"),
        ({**DEMAND, "autoscaling": {"enabled": False, "minReplicas": 11}}, "minReplicas <= maxReplicas"),
        ({"autoscaling": {"minReplicas": 0}}, "minReplicas"),
        ({**DEMAND, "keda": {**KEDA, "query": ""}}, "keda.query, keda.demand.targetRate: expected one"),
        ({**RECORDED, "keda": {**KEDA, "demand": AIM}}, "one of them while keda.enabled, found both"),
        ({**RECORDED, "prometheusRule": {"enabled": False}}, "keda.demand: expected prometheusRule.enabled"),
        ({**RECORDED, "podMonitor": {"enabled": True}}, "podMonitor.intervalSeconds: expected at most 5"),
        ({**DEMAND, "keda": {**KEDA, "serverAddress": ""}}, "keda.serverAddress: expected one"),
        ({**DEMAND, "keda": {**KEDA, "metadata": {"ignoreNullValues": "true"}}}, "ignoreNullValues"),
        # times
        ({"terminationGracePeriodSeconds": 59}, "= 60, found 59: requests in flight would be cut off"),
        ({"drainSeconds": 20, "terminationGracePeriodSeconds": 60}, "= 80, found 60"),
        ({"progressDeadlineSeconds": 125}, "progressDeadlineSeconds: expected at least 126"),
        (
            {"startupProbe": None, "progressDeadlineSeconds": 10, "minReadySeconds": 10},
            "progressDeadlineSeconds: expected more than minReadySeconds",
        ),
        # drains
        ({"podDisruptionBudget": {"maxUnavailable": 0}}, "maxUnavailable"),
        ({"podDisruptionBudget": {"maxUnavailable": "0%"}}, "maxUnavailable"),
        ({"podDisruptionBudget": {"minAvailable": 2}}, "minAvailable"),
        # the image
        (
            {"image": {"repository": "r/x", "tag": "1", "requireDigest": True}},
            "image.digest: expected a digest",
        ),
        # ports
        ({"ports": {"http": 80}}, "http"),
        ({"ports": {"http": 3001}}, "ports: expected a number of its own for each"),
        ({"ports": {"metrics": 3000}}, "ports: expected a number of its own for each"),
        ({"service": {"port": 3002}}, "service: expected a number of its own"),
        (
            {"readinessProbe": {"httpGet": {"port": "web"}}},
            "readinessProbe.httpGet.port: expected one of http",
        ),
        ({"livenessProbe": {"httpGet": None, "tcpSocket": {"port": "x"}}}, "livenessProbe.tcpSocket.port"),
        ({"server": {"grpc": False}, "startupProbe": {"httpGet": {"port": "grpc"}}}, "startupProbe.httpGet"),
        # what the API server would refuse, after a part of the release was made
        (
            {"readinessProbe": {"terminationGracePeriodSeconds": 9}},
            "readinessProbe.terminationGracePeriodSeconds: expected none",
        ),
        ({"livenessProbe": {"successThreshold": 2}}, "livenessProbe.successThreshold: expected 1, found 2"),
        ({"startupProbe": {"successThreshold": 3}}, "startupProbe.successThreshold: expected 1, found 3"),
        (_resources("requests", "cpu", "251m"), "resources.requests.cpu: expected at most resources.limits"),
        (_resources("requests", "cpu", 0.3), "resources.requests.cpu: expected at most"),
        (_resources("limits", "cpu", "0.249"), "resources.limits.cpu, 0.249, found 250m"),
        (_resources("requests", "memory", "0.6Gi"), "resources.requests.memory: expected at most"),
        (_resources("requests", "memory", 536870913), "resources.requests.memory: expected at most"),
        (_resources("limits", "memory", "512M"), "resources.limits.memory, 512M, found 512Mi"),
        (_resources("limits", "ephemeral-storage", "1k"), "resources.requests.ephemeral-storage: expected"),
        (_path("/a//b", "Prefix"), "ingress.hosts: expected paths without"),
        (_path("/a/../b", "Exact"), "found /a/../b"),
        (_path("/a/.", "Exact"), "found /a/."),
        (_path("/%2F", "Exact"), "found /%2F"),
        *(({"priorityClassName": name}, "priorityClassName") for name in ("0.-f", "a..b", "a-", "a" * 254)),
        ({"serviceAccount": {"name": "a.-b"}}, "serviceAccount/name"),
        ({"tls": {"enabled": True, "secretName": ".a"}}, "tls/secretName"),
        *((_nodes(cidr), "nodeCIDRs") for cidr in ("10.0.0.1", "10.0.0.256/8", "1.2.3/8", "10.0.0.0/33")),
        *(
            (_nodes(cidr), "nodeCIDRs")
            for cidr in ("::1", "1::2::3/64", ":::/0", "fe80::/129", "1:2:3:4:5:6:7:8:9/8")
        ),
        # containers and volumes
        ({"sidecars": [{"image": "r/x:1"}]}, "expected a name for each"),
        ({"sidecars": [{**CONTAINER, "name": "model-server"}]}, "found model-server twice"),
        ({"sidecars": [CONTAINER], "initContainers": [CONTAINER]}, "found x twice"),
        ({"sidecars": [{**CONTAINER, "ports": [{"containerPort": 3000}]}]}, "x: expected ports"),
        ({"volumes": [{"name": "tmp", "emptyDir": {}}]}, "found tmp twice"),
        ({"volumeMounts": [{"name": "x", "mountPath": "/x"}]}, "expected a volume of `volumes`, found x"),
        ({"volumeMounts": [{"name": "tmp", "mountPath": "/tmp/"}]}, "found /tmp"),  # noqa: S108
        ({"volumeMounts": [{"name": "tmp", "mountPath": "/etc/ekiben/access"}]}, "are the chart's"),
        # around
        ({"serviceMonitor": {"enabled": True}, "podMonitor": {"enabled": True}}, "would be scraped twice"),
        ({"ingress": {"enabled": True}}, "ingress.hosts: expected at least one"),
        ({"httpRoute": {"enabled": True}}, "httpRoute.parentRefs: expected at least one"),
        ({"httpRoute": {"rules": []}}, "rules"),
        # a foreign server looks at none of these
        ({"server": FOREIGN, "access": {"mode": "required"}}, "a foreign one would be open"),
        ({"server": FOREIGN, "tls": {"enabled": True, "secretName": "x"}}, "a foreign one would be open"),
        ({"server": FOREIGN, "seal": {"encryption": {"secretName": "x"}}}, "a foreign one would be open"),
    ],
)
def test_what_breaks_a_rollout_is_refused(
    refusal: Callable[[Mapping[str, Any]], str], values: dict[str, Any], says: str
) -> None:
    """The refusal names the value and says what was expected."""
    assert says in refusal(values)


@pytest.mark.parametrize("name", ["1e5", "a.b", "9-lives"])
def test_a_name_that_no_service_may_have_is_refused(program: Path, name: str) -> None:
    """Else the cluster would refuse the Service alone, after the rest was made."""
    with pytest.raises(ToolError) as error:
        helm.template(program, CHART, name, "models", {"image": IMAGE})
    assert "release name: expected" in error.value.last_lines


@pytest.mark.parametrize("name", ["true", "null", "a-" + "b" * 51])
def test_a_name_that_yaml_misreads_stays_a_name(program: Path, name: str) -> None:
    """Every object is named after the release, in quotes, within Kubernetes' 63 characters."""
    values = {"image": IMAGE, "headlessService": {"enabled": True}, "priorityClassName": "123"}
    text = helm.template(program, CHART, name, "models", values)
    objects = [one for one in yaml.safe_load_all(text) if one]
    names = {one["metadata"]["name"] for one in objects}
    assert names == {name, f"{name}-test", f"{name}-headless"}
    assert max(map(len, names)) <= 63
    [pod] = [one["spec"]["template"] for one in objects if one["kind"] == "Deployment"]
    assert pod["spec"]["priorityClassName"] == "123"
    assert pod["metadata"]["labels"]["app.kubernetes.io/instance"] == name


@pytest.mark.parametrize(
    "values",
    [
        {**OFF, "replicaCount": 1},
        {"progressDeadlineSeconds": 126},
        {"terminationGracePeriodSeconds": 60},
        {"autoscaling": {"minReplicas": 10, "maxReplicas": 10}},
        {**OFF, "autoscaling": {"enabled": False, "minReplicas": 99}},
        {"server": {"grpc": False}, "ports": {"grpc": 3000}, "service": {"grpcPort": 80}},
        {"server": FOREIGN, "ports": {"metrics": 3000}},
        {"readinessProbe": {"httpGet": {"port": 3000}}, "livenessProbe": None},
        {"readinessProbe": {"successThreshold": 3}, "livenessProbe": {"terminationGracePeriodSeconds": 9}},
        {"priorityClassName": "0.a-b.1e5", "serviceAccount": {"name": "a" * 253}},
        _resources("requests", "cpu", "0.25"),
        _resources("limits", "cpu", 0.25),
        _resources("requests", "memory", 536870912),
        _resources("limits", "memory", "0.5Gi"),
        _resources("requests", "memory", "536M"),
        _path("/a/..b/.c/%2e", "Exact"),
        _path("/a(//|$)", "ImplementationSpecific"),
        {"ingress": {**_path("/a//b", "Exact")["ingress"], "enabled": False}},
        *(_nodes(cidr) for cidr in ("0.0.0.0/0", "10.255.249.199/32", "::/0", "1:2:3:4:5:6:7:8/128")),
        *(_nodes(cidr) for cidr in ("fd00::/8", "::1/128", "1:2:3:4:5:6:7::/99", "1::7:8/100", "1:2::8/9")),
    ],
)
def test_what_is_just_allowed_is_rendered(render: Render, values: dict[str, Any]) -> None:
    """The refusals begin where the danger does."""
    assert "Deployment" in render(values).kinds()
