from __future__ import annotations

from typing import Any

import pytest
from tests.chart.conftest import IMAGE, Render
from tests.chart.test_demand import DEMAND


def test_no_replicas_are_rendered_under_the_autoscaler(render: Render) -> None:
    """An HPA owns the number, the chart's or KEDA's: an upgrade must not reset it."""
    assert "replicas" not in render().named("Deployment")["spec"]
    assert "replicas" not in render(DEMAND).named("Deployment")["spec"]


def test_replicas_are_rendered_without_the_autoscaler(render: Render) -> None:
    """Without an HPA the number comes from replicaCount, and no HPA is made."""
    found = render({"replicaCount": 7, "autoscaling": {"enabled": False}})
    assert found.named("Deployment")["spec"]["replicas"] == 7
    assert "HorizontalPodAutoscaler" not in found.kinds()
    bare = render({"autoscaling": {"enabled": False}})
    assert bare.named("Deployment")["spec"]["replicas"] == 2


@pytest.mark.parametrize(
    ("drain", "timeout", "asked", "grace"),
    [(10, 30, 0, 60), (1, 1, 0, 13), (300, 600, 0, 1210), (10, 30, 60, 60), (10, 30, 90, 90)],
)
def test_the_grace_period_covers_the_drain(
    render: Render, drain: int, timeout: int, asked: int, grace: int
) -> None:
    """Twice the drain, the longest request, and 10 s to end; more where it is asked for."""
    times = {"drainSeconds": drain, "requestTimeoutSeconds": timeout, "terminationGracePeriodSeconds": asked}
    found = render(times)
    assert found.pod["spec"]["terminationGracePeriodSeconds"] == grace
    env = {one["name"]: one["value"] for one in found.container["env"]}
    assert (env["EKIBEN_DRAIN_SECONDS"], env["EKIBEN_REQUEST_TIMEOUT_SECONDS"]) == (str(drain), str(timeout))


def test_a_digest_wins_over_a_tag(render: Render) -> None:
    """A tag can be moved, a digest cannot."""
    both = render({"image": {**IMAGE, "tag": "latest"}})
    assert both.container["image"] == f"{IMAGE['repository']}@{IMAGE['digest']}"
    assert render({"image": {"repository": "r/x", "tag": "1"}}).container["image"] == "r/x:1"


def test_a_rollout_never_takes_a_replica_away_first(render: Render) -> None:
    """The old revision serves until a new replica is available."""
    spec = render().named("Deployment")["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert spec["minReadySeconds"] > 0


def _restricted(spec: dict[str, Any]) -> None:
    """Pod Security Standards, profile *restricted*, each control by name."""
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert all(set(volume) - {"name"} <= {"emptyDir"} for volume in spec["volumes"])
    for container in spec["containers"]:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert not any("hostPort" in port for port in container.get("ports", ()))
        # Beyond the profile: what the project promises.
        assert context["readOnlyRootFilesystem"] is True
        assert (context["runAsUser"], context["runAsGroup"]) == (10001, 10001)
        assert set(container["resources"]["limits"]) == {"cpu", "memory", "ephemeral-storage"}
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False


def test_the_pods_are_restricted(render: Render) -> None:
    """The replicas and the pod of `helm test` both fit Pod Security restricted."""
    found = render()
    _restricted(found.pod["spec"])
    _restricted(found.named("Pod", "iris-test")["spec"])


def test_only_tmp_is_writable(render: Render) -> None:
    """The one writable place is a bounded emptyDir at /tmp."""
    found = render()
    assert found.container["volumeMounts"] == [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108
    assert found.pod["spec"]["volumes"] == [{"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}]


def test_ports_and_probes_go_by_name(render: Render) -> None:
    """Probes and the Service follow the container's ports when these change."""
    found = render({"ports": {"http": 8080, "metrics": 8082}})
    assert {p["name"]: p["containerPort"] for p in found.container["ports"]} == {
        "http": 8080,
        "grpc": 3001,
        "metrics": 8082,
    }
    env = {one["name"]: one["value"] for one in found.container["env"]}
    assert (env["EKIBEN_HTTP_PORT"], env["EKIBEN_METRICS_PORT"]) == ("8080", "8082")
    probes = [found.container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "readiness", "liveness")]
    assert probes == [{"path": p, "port": "http"} for p in ("/readyz", "/readyz", "/livez")]
    assert found.container["startupProbe"]["periodSeconds"] == 1
    assert found.pod["metadata"]["annotations"]["prometheus.io/port"] == "8082"


def test_a_newer_chart_restarts_nothing(render: Render) -> None:
    """The chart's version is no label of the pods."""
    labels = render().pod["metadata"]["labels"]
    assert "helm.sh/chart" not in labels
    assert labels["app.kubernetes.io/name"] == "model-server"
    assert labels["app.kubernetes.io/instance"] == "iris"


def test_the_pods_say_what_they_serve(render: Render) -> None:
    """Name, version and artefact of the model are annotations of the pods."""
    model = {"name": "iris", "version": "4f2a90cc61d0be11", "artefact": "sha256:" + "4f" * 32}
    said = render({"model": model}).pod["metadata"]["annotations"]
    assert said["ekiben.dev/model"] == "iris"
    assert said["ekiben.dev/model-version"] == "4f2a90cc61d0be11"
    assert said["ekiben.dev/artefact"] == model["artefact"]


def test_replicas_prefer_nodes_of_their_own(render: Render) -> None:
    """Softly, so that one node is enough; a given affinity replaces ours."""
    found = render()
    [term] = found.pod["spec"]["affinity"]["podAntiAffinity"][
        "preferredDuringSchedulingIgnoredDuringExecution"
    ]
    selector = term["podAffinityTerm"]["labelSelector"]["matchLabels"]
    assert selector == found.named("Deployment")["spec"]["selector"]["matchLabels"]
    assert "requiredDuringSchedulingIgnoredDuringExecution" not in str(found.pod["spec"]["affinity"])
    own: dict[str, Any] = {"nodeAffinity": {}}
    assert render({"affinity": own}).pod["spec"]["affinity"] == own


def test_replicas_spread_softly_over_nodes_and_zones(render: Render) -> None:
    """Spreading never keeps a replica from starting, and given constraints replace ours."""
    spread = render().pod["spec"]["topologySpreadConstraints"]
    assert {one["topologyKey"] for one in spread} == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
    assert {one["whenUnsatisfiable"] for one in spread} == {"ScheduleAnyway"}
    assert all(one["matchLabelKeys"] == ["pod-template-hash"] for one in spread)
    own = [{"maxSkew": 2, "topologyKey": "x", "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {}}]
    assert render({"topologySpreadConstraints": own}).pod["spec"]["topologySpreadConstraints"] == own
