from __future__ import annotations

import base64
import json
import re
import tomllib
from typing import Any

import pytest
import yaml

from ekiben.ground import addresses, certificates, component, components, configuration
from ekiben.ground.configuration import Machine

PLACE = addresses.at(2)
PKI = {
    f"{name}.{end}": f"{name} {end}".encode()
    for name in ["ca", *certificates.users("n")]
    for end in ("crt", "key")
}
FILES = configuration.files(PLACE, "ekiben-x", Machine(may_lower_oom_score=False, snapshotter="native"), PKI)


def _yaml(name: str) -> Any:
    return yaml.safe_load(FILES[name])


def test_the_kubelet_gives_small_steady_quotas() -> None:
    """The CFS period is 5 ms: a limit of 200m is 1 ms of every 5."""
    kubelet = _yaml("kubelet.yaml")
    assert kubelet["cpuCFSQuotaPeriod"] == "5ms"
    assert kubelet["featureGates"]["CustomCPUCFSQuotaPeriod"] is True


def test_the_kubelet_lets_nobody_in_unasked() -> None:
    """No anonymous requests, and the API server decides on the others."""
    kubelet = _yaml("kubelet.yaml")
    assert kubelet["authentication"]["anonymous"]["enabled"] is False
    assert kubelet["authorization"]["mode"] == "Webhook"


def test_pods_ask_the_clusters_dns() -> None:
    """The address in the kubelet's configuration is that of the DNS Service's manifest."""
    assert _yaml("kubelet.yaml")["clusterDNS"] == ["10.96.2.10"]
    assert configuration.manifest_values(PLACE)["DNS_ADDRESS"] == "10.96.2.10"


def test_containerd_pulls_from_the_clusters_registry() -> None:
    """The registry of this cluster is known by its address, in plain HTTP, to pull only."""
    hosts = tomllib.loads(FILES["certs.d/10.97.2.2:5000/hosts.toml"])
    assert hosts["host"]["http://10.97.2.2:5000"]["capabilities"] == ["pull", "resolve"]
    assert _yaml("registry.yaml")["http"]["addr"] == "10.97.2.2:5000"


@pytest.mark.parametrize("may", [True, False])
def test_containerd_protects_from_the_oom_killer_only_where_it_may(may: bool) -> None:
    """Without the capability every sandbox would fail to start."""
    text = configuration.files(PLACE, "n", Machine(may, "overlayfs"), PKI)["containerd.toml"]
    cri = tomllib.loads(text)["plugins"]["io.containerd.grpc.v1.cri"]
    assert cri["restrict_oom_score_adj"] is not may
    assert cri["containerd"]["snapshotter"] == "overlayfs"


def test_the_pods_network_hands_out_the_clusters_addresses() -> None:
    """Pods get their addresses from this cluster's subnet, remembered where a restart forgets them."""
    network = json.loads(FILES["cni/10-ekiben.conflist"])
    ipam = network["plugins"][0]["ipam"]
    assert ipam["ranges"] == [[{"subnet": "10.244.2.0/24"}]]
    assert ipam["dataDir"].startswith("/run/")


def test_a_kubeconfig_carries_one_user_and_trusts_one_authority() -> None:
    """Context, server, authority and the user's own key are in one file."""
    document = yaml.safe_load(configuration.kubeconfig("ekiben-x", "https://10.97.2.2:6443", PKI, "admin"))
    assert document["current-context"] == "ekiben-x"
    assert document["clusters"][0]["cluster"]["server"] == "https://10.97.2.2:6443"
    assert base64.b64decode(document["clusters"][0]["cluster"]["certificate-authority-data"]) == b"ca crt"
    assert base64.b64decode(document["users"][0]["user"]["client-key-data"]) == b"admin key"


def _relabelled(labels: dict[str, str]) -> dict[str, str] | None:
    """Prometheus' relabelling, as its documentation says; None when the target is dropped."""
    found = dict(labels)
    for rule in _yaml("prometheus.yaml")["scrape_configs"][0]["relabel_configs"]:
        value = rule.get("separator", ";").join(found.get(name, "") for name in rule["source_labels"])
        match = re.fullmatch(rule.get("regex", "(.*)"), value)
        action = rule.get("action", "replace")
        if (action == "keep" and not match) or (action == "drop" and match):
            return None
        if action == "replace" and match:
            found[rule["target_label"]] = match[1]
    return found


META = {
    "__meta_kubernetes_namespace": "models",
    "__meta_kubernetes_pod_name": "iris-1",
    "__meta_kubernetes_pod_ip": "10.244.2.7",
    "__meta_kubernetes_pod_phase": "Running",
    "__meta_kubernetes_pod_label_app_kubernetes_io_instance": "iris",
    "__meta_kubernetes_pod_annotation_prometheus_io_scrape": "true",
    "__meta_kubernetes_pod_annotation_prometheus_io_port": "3002",
    "__meta_kubernetes_pod_annotation_prometheus_io_path": "/metrics",
    "__address__": "10.244.2.7:3000",
    "__metrics_path__": "/metrics",
}


def test_an_annotated_pod_is_scraped_at_its_port_with_its_labels() -> None:
    """Annotations say where; namespace, pod and release say whose."""
    found = _relabelled(META)
    assert found is not None
    assert found["__address__"] == "10.244.2.7:3002"
    assert (found["namespace"], found["pod"], found["release"]) == ("models", "iris-1", "iris")


def test_a_pod_with_tls_is_scraped_by_https_whoever_signed() -> None:
    """The annotation says the scheme; a certificate has the Service's names, not the pod's address."""
    https = _relabelled({**META, "__meta_kubernetes_pod_annotation_prometheus_io_scheme": "https"})
    assert https is not None
    assert https["__scheme__"] == "https"
    assert "__scheme__" not in (_relabelled(META) or {})
    assert _yaml("prometheus.yaml")["scrape_configs"][0]["tls_config"] == {"insecure_skip_verify": True}


def test_the_alerts_have_their_sources_and_a_way_out() -> None:
    """Rules come from the folder that is kept beside the cluster, the autoscaler's numbers are scraped."""
    prometheus = _yaml("prometheus.yaml")
    assert prometheus["rule_files"] == ["/run/ekiben/rules/*.yaml"]
    [alertmanager] = prometheus["alerting"]["alertmanagers"]
    assert alertmanager["static_configs"] == [{"targets": ["10.97.2.2:9093"]}]
    jobs = {each["job_name"]: each for each in prometheus["scrape_configs"]}
    controllers = jobs["kube-controller-manager"]
    assert controllers["static_configs"] == [{"targets": ["127.0.0.1:10257"]}]
    assert controllers["scheme"] == "https"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("__meta_kubernetes_pod_annotation_prometheus_io_scrape", "false"),
        ("__meta_kubernetes_pod_phase", "Succeeded"),
    ],
)
def test_other_pods_are_not_scraped(name: str, value: str) -> None:
    """No annotation, or no life: no target."""
    assert _relabelled({**META, name: value}) is None


def test_components_start_after_components_that_exist() -> None:
    """Whatever a component waits for comes earlier in the list, so the start cannot hang on itself."""
    seen: set[str] = set()
    for each in components.of_node(PLACE, "ekiben-x"):
        assert set(each.after) <= seen
        seen.add(each.name)
    assert "kubelet" in seen


def test_only_the_api_server_listens_on_every_address() -> None:
    """All others name the node's address or loopback; the node's network is its own in any case."""
    open_to_all = [
        each.name
        for each in components.of_node(PLACE, "ekiben-x")
        if any("0.0.0.0" in part or part.endswith("=:") for part in each.argv)  # noqa: S104  # looked for
    ]
    assert open_to_all == ["kube-apiserver"]


def test_no_secret_is_an_argument() -> None:
    """Keys go in as files: an argument is only ever the name of one."""
    for each in components.of_node(PLACE, "ekiben-x"):
        for part in each.argv:
            if "key" in part.partition("=")[0] and "=" in part:
                assert part.partition("=")[2].startswith(str(component.PKI))
