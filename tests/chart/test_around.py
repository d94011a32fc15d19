"""What stands around the Deployment: Service, HPA, PDB, policies, account, monitor, test."""

from __future__ import annotations

import ast

from tests.chart.conftest import POD_MONITOR, SERVICE_MONITOR, Render, values_of


def test_the_service_is_called_by_the_release_name_on_port_80(render: Render) -> None:
    """`http://iris.<namespace>/predict` needs no port."""
    spec = render().named("Service")["spec"]
    assert spec["type"] == "ClusterIP"
    assert {p["name"]: (p["port"], p["targetPort"]) for p in spec["ports"]} == {
        "http": (80, "http"),
        "grpc": (3001, "grpc"),
        "metrics": (3002, "metrics"),
    }
    assert spec["ports"][0]["name"] == "http"


def test_a_node_port_is_for_the_types_that_have_one(render: Render) -> None:
    """With NodePort it is what was asked for, or the cluster's choice; with ClusterIP there is none."""
    asked = render({"service": {"type": "NodePort", "nodePort": 30080}}).named("Service")["spec"]
    assert (asked["type"], asked["ports"][0]["nodePort"]) == ("NodePort", 30080)
    for service in ({"type": "NodePort"}, {"nodePort": 30080}):
        assert "nodePort" not in render({"service": service}).named("Service")["spec"]["ports"][0]


def test_the_service_selects_the_replicas_and_not_the_test(render: Render) -> None:
    """The pod of `helm test` gets no traffic."""
    found = render()
    selector = found.named("Service")["spec"]["selector"].items()
    assert selector <= found.pod["metadata"]["labels"].items()
    assert not selector <= found.named("Pod", "iris-test")["metadata"]["labels"].items()
    assert found.named("Deployment")["spec"]["selector"]["matchLabels"].items() == selector


def test_the_autoscaler_scales_the_deployment_on_cpu(render: Render) -> None:
    """Bounds and target come from the values, the target is the Deployment."""
    values = {"autoscaling": {"minReplicas": 3, "maxReplicas": 9, "targetCPUUtilizationPercentage": 55}}
    spec = render(values).named("HorizontalPodAutoscaler")["spec"]
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "iris"}
    assert (spec["minReplicas"], spec["maxReplicas"]) == (3, 9)
    assert spec["metrics"][0]["resource"]["target"] == {"type": "Utilization", "averageUtilization": 55}


def test_the_behavior_is_passed_through_whole(render: Render) -> None:
    """Up at once by 100 % in 15 s; a window of one's own replaces only the window."""
    down = {"scaleDown": {"stabilizationWindowSeconds": 60}}
    behavior = render({"autoscaling": {"behavior": down}}).named("HorizontalPodAutoscaler")["spec"][
        "behavior"
    ]
    policy = [{"type": "Percent", "value": 100, "periodSeconds": 15}]
    assert behavior == {
        "scaleUp": {"stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": policy},
        "scaleDown": {"stabilizationWindowSeconds": 60, "selectPolicy": "Max", "policies": policy},
    }


def test_a_drain_takes_one_replica_and_is_not_blocked_by_a_sick_one(render: Render) -> None:
    """The budget is one, and pods that are not ready never hold it up."""
    spec = render().named("PodDisruptionBudget")["spec"]
    assert spec["maxUnavailable"] == 1
    assert spec["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_the_account_is_the_releases_own_and_has_no_token(render: Render) -> None:
    """Nothing in the pod can speak to the API server."""
    found = render()
    assert found.named("ServiceAccount")["automountServiceAccountToken"] is False
    assert found.pod["spec"]["serviceAccountName"] == "iris"
    without = render({"serviceAccount": {"create": False}})
    assert "ServiceAccount" not in without.kinds()
    assert without.pod["spec"]["serviceAccountName"] == "default"


def test_the_network_is_denied_but_for_callers_monitoring_and_names(render: Render) -> None:
    """Ingress only to http and grpc for callers and to metrics for monitoring; egress only name lookups."""
    spec = render().named("NetworkPolicy")["spec"]
    assert sorted(spec["policyTypes"]) == ["Egress", "Ingress"]
    callers, monitoring = spec["ingress"]
    assert {"podSelector": {}} in callers["from"]  # the same namespace
    labelled = {"namespaceSelector": {"matchLabels": {"ekiben.dev/caller": "true"}}}
    assert labelled in callers["from"]
    assert [p["port"] for p in callers["ports"]] == ["http", "grpc"]
    assert [p["port"] for p in monitoring["ports"]] == ["metrics"]
    assert [{p["port"] for p in rule["ports"]} for rule in spec["egress"]] == [{53, 5353}]


def test_nobody_means_nobody(render: Render) -> None:
    """An empty list of peers opens nothing; an empty rule would open everything."""
    closed: dict[str, list[str]] = {"callers": [], "monitoring": [], "dns": []}
    spec = render({"networkPolicy": closed}).named("NetworkPolicy")["spec"]
    assert not spec.get("ingress")
    assert not spec.get("egress")


def test_scrape_annotations_give_way_to_a_service_monitor(render: Render) -> None:
    """Where the cluster knows ServiceMonitors one is rendered; elsewhere the annotations stay."""
    wanted = {"serviceMonitor": {"enabled": True}}
    known, unknown = render(wanted, api_versions=(SERVICE_MONITOR,)), render(wanted)
    assert "ServiceMonitor" in known.kinds()
    assert "prometheus.io/scrape" not in known.pod["metadata"]["annotations"]
    assert "ServiceMonitor" not in unknown.kinds()
    assert unknown.pod["metadata"]["annotations"]["prometheus.io/scrape"] == "true"
    assert "prometheus.io/scrape" not in render({"scrape": {"enabled": False}}).pod["metadata"]["annotations"]


def test_the_service_monitor_finds_the_service(render: Render) -> None:
    """Its selector matches the Service's labels and its port is one of the Service's."""
    found = render(values_of("everything"), api_versions=(SERVICE_MONITOR,))
    monitor, service = found.named("ServiceMonitor")["spec"], found.named("Service")
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["endpoints"][0]["port"] in {p["name"] for p in service["spec"]["ports"]}
    assert monitor["endpoints"][0]["path"] == "/metrics/all"


def test_the_pod_monitor_finds_the_pods(render: Render) -> None:
    """Its selector matches the pods' labels and its port is one of the container's; annotations give way."""
    found = render({"podMonitor": {"enabled": True}}, api_versions=(POD_MONITOR,))
    monitor, pod = found.named("PodMonitor")["spec"], found.pod["metadata"]
    assert monitor["selector"]["matchLabels"].items() <= pod["labels"].items()
    [endpoint] = monitor["podMetricsEndpoints"]
    ports = {one["name"]: one["containerPort"] for one in found.container["ports"]}
    assert (ports[endpoint["port"]], endpoint["path"]) == (3002, "/metrics")
    assert "prometheus.io/scrape" not in pod["annotations"]
    unknown = render({"podMonitor": {"enabled": True}})
    assert "PodMonitor" not in unknown.kinds()
    assert unknown.pod["metadata"]["annotations"]["prometheus.io/scrape"] == "true"
    sealed = render(values_of("demand"), api_versions=(POD_MONITOR,)).named("PodMonitor")["spec"]
    [endpoint] = sealed["podMetricsEndpoints"]
    ca = {"ca": {"secret": {"name": "iris-tls", "key": "ca.crt"}}}
    assert (endpoint["scheme"], endpoint["tlsConfig"]) == (
        "https",
        {**ca, "serverName": "iris.models.svc"},
    )


def test_helm_test_runs_the_released_image(render: Render) -> None:
    """The test pod runs the same image, a program that compiles, against the Service."""
    found = render()
    container = found.named("Pod", "iris-test")["spec"]["containers"][0]
    assert container["image"] == found.container["image"]
    ast.parse(container["args"][0])
    env = {one["name"]: one["value"] for one in container["env"]}
    assert env["URL"] == "http://iris.models.svc:80"


def test_the_test_pod_may_reach_the_replicas(render: Render) -> None:
    """Its own policy lets it call the release, and nobody call it."""
    found = render()
    spec = found.named("NetworkPolicy", "iris-test")["spec"]
    labels = found.named("Pod", "iris-test")["metadata"]["labels"]
    assert spec["podSelector"]["matchLabels"].items() <= labels.items()
    assert "ingress" not in spec
    reached = spec["egress"][-1]["to"][0]["podSelector"]["matchLabels"]
    assert reached.items() <= found.pod["metadata"]["labels"].items()
