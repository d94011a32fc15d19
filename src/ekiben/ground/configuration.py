"""Configuration files of the node's programs: pure text from addresses, names and what the machine can do."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from ekiben.ground import certificates
from ekiben.ground.addresses import ALERTMANAGER_PORT, API_PORT, PROMETHEUS_PORT, REGISTRY_PORT, Addresses
from ekiben.ground.component import CONF, CONTAINERD_SOCKET, PKI
from ekiben.ground.layout import NODE, NODE_DEBIAN, NODE_REGISTRY

PAUSE = "ekiben.invalid/pause:1"
COREDNS = "ekiben.invalid/coredns:1"
METRICS_SERVER = "ekiben.invalid/metrics-server:1"
_SCRAPE_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Machine:
    """What of this machine the configuration depends on.

    Attributes:
        may_lower_oom_score: It has CAP_SYS_RESOURCE: a process may be kept from the OOM killer.
        snapshotter: containerd's: `overlayfs`, or `native` where the state is itself on an overlay.
    """

    may_lower_oom_score: bool
    snapshotter: str


def kubeconfig(context: str, server: str, pki: Mapping[str, bytes], user: str) -> str:
    """A kubeconfig of one user, certificates inside.

    Args:
        context: Name of its one context, cluster and user.
        server: URL of the API server.
        pki: Certificates by file name.
        user: Which one: base name of its certificate.
    """

    def encoded(file: str) -> str:
        return base64.b64encode(pki[file]).decode()

    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": context, "cluster": {"server": server, "certificate-authority-data": encoded("ca.crt")}}
        ],
        "users": [
            {
                "name": context,
                "user": {
                    "client-certificate-data": encoded(f"{user}.crt"),
                    "client-key-data": encoded(f"{user}.key"),
                },
            }
        ],
        "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
        "current-context": context,
    }
    return _yaml(document)


def server(addresses: Addresses) -> str:
    """URL of the API server."""
    return f"https://{addresses.node}:{API_PORT}"


def registry_name(addresses: Addresses) -> str:
    """`host:port` of the registry, the same from the machine and from the node."""
    return f"{addresses.node}:{REGISTRY_PORT}"


def files(addresses: Addresses, node_name: str, machine: Machine, pki: Mapping[str, bytes]) -> dict[str, str]:
    """Every file of the node's `conf/`, by its path in there.

    Args:
        addresses: The cluster's addresses.
        node_name: Name of the node; also its host name.
        machine: What the machine can do.
        pki: Certificates by file name.
    """
    written = {
        "kubelet.yaml": _yaml(_kubelet(addresses)),
        "containerd.toml": _containerd(machine),
        "cni/10-ekiben.conflist": json.dumps(_network(addresses), indent=2),
        f"certs.d/{registry_name(addresses)}/hosts.toml": _registry_hosts(addresses),
        "registry.yaml": _yaml(_registry(addresses)),
        "resolv.conf": f"nameserver {addresses.dns}\n",  # there is nothing behind the cluster's DNS
        "prometheus.yaml": _yaml(_prometheus(addresses)),
        "alertmanager.yaml": _yaml({"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}),
    }
    for user in certificates.users(node_name):
        written[f"{user}.kubeconfig"] = kubeconfig("node", server(addresses), pki, user)
    return written


def _yaml(document: object) -> str:
    return yaml.safe_dump(document, sort_keys=False)


def _kubelet(addresses: Addresses) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": str(addresses.node),
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(PKI / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(PKI / "node.crt"),
        "tlsPrivateKeyFile": str(PKI / "node.key"),
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,
        "failSwapOn": False,
        "clusterDomain": "cluster.local",
        "clusterDNS": [str(addresses.dns)],
        "resolvConf": str(CONF / "resolv.conf"),
        # A 200m replica runs 1 ms in every 5, instead of 20 in every 100: small and steady.
        "featureGates": {"CustomCPUCFSQuotaPeriod": True},
        "cpuCFSQuotaPeriod": "5ms",
        "podLogsDir": str(NODE / "log" / "pods"),
        "volumePluginDir": str(NODE / "kubelet" / "volumeplugins"),
        "serializeImagePulls": False,
        "registryPullQPS": 0,
        "kubeAPIQPS": 100,
        "kubeAPIBurst": 200,
        # The disk is the machine's: how full others made it says nothing about this node.
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
    }


def _containerd(machine: Machine) -> str:
    return f"""\
version = 2
root = "{NODE / "containerd"}"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing"]

[grpc]
  address = "{CONTAINERD_SOCKET}"

[plugins."io.containerd.internal.v1.opt"]
  path = "/run/containerd-opt"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = {str(not machine.may_lower_oom_score).lower()}
  disable_apparmor = true
  tolerate_missing_hugetlb_controller = true

  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "{machine.snapshotter}"
    discard_unpacked_layers = true
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{NODE_DEBIAN / "usr" / "lib" / "cni"}"
    conf_dir = "{CONF / "cni"}"

  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{CONF / "certs.d"}"
"""


def _network(addresses: Addresses) -> dict[str, Any]:
    # Point to point, not a bridge: every packet is routed, so Services work between pods of
    # one node without br_netfilter.
    pod = {
        "type": "ptp",
        "ipMasq": False,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": str(addresses.pods)}]],
            "routes": [{"dst": "0.0.0.0/0"}],
            "dataDir": "/run/cni-addresses",
        },
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "0.4.0", "name": "ekiben", "plugins": [pod, ports]}


def _registry_hosts(addresses: Addresses) -> str:
    url = f"http://{registry_name(addresses)}"
    return f'server = "{url}"\n\n[host."{url}"]\n  capabilities = ["pull", "resolve"]\n'


def _registry(addresses: Addresses) -> dict[str, Any]:
    return {
        "version": "0.1",
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(NODE_REGISTRY)},
            "delete": {"enabled": True},
            "maintenance": {"uploadpurging": {"enabled": False}},
        },
        "http": {"addr": registry_name(addresses)},
    }


def _prometheus(addresses: Addresses) -> dict[str, Any]:
    cluster = {"kubeconfig_file": str(CONF / "prometheus.kubeconfig")}
    tls = {
        "scheme": "https",
        "tls_config": {
            "ca_file": str(PKI / "ca.crt"),
            "cert_file": str(PKI / "prometheus.crt"),
            "key_file": str(PKI / "prometheus.key"),
        },
    }

    def static(name: str, target: str, **more: Any) -> dict[str, Any]:
        return {"job_name": name, "static_configs": [{"targets": [target]}], **more}

    kubelet = f"{addresses.node}:10250"
    return {
        "global": {
            "scrape_interval": f"{_SCRAPE_SECONDS}s",
            "scrape_timeout": "4s",
            "evaluation_interval": "5s",
        },
        "rule_files": [str(NODE / "rules" / "*.yaml")],
        "alerting": {
            "alertmanagers": [{"static_configs": [{"targets": [f"{addresses.node}:{ALERTMANAGER_PORT}"]}]}]
        },
        "scrape_configs": [
            {
                "job_name": "pods",
                "kubernetes_sd_configs": [{"role": "pod", **cluster}],
                "relabel_configs": _pod_labels(),
                # With TLS a pod's certificate has its Service's names, and any authority.
                "tls_config": {"insecure_skip_verify": True},
            },
            static("kubelet", kubelet, **tls),
            static("cadvisor", kubelet, metrics_path="/metrics/cadvisor", **tls),
            static("kube-apiserver", f"{addresses.node}:{API_PORT}", scrape_interval="15s", **tls),
            static("kube-controller-manager", "127.0.0.1:10257", **tls),
            static("prometheus", f"{addresses.node}:{PROMETHEUS_PORT}"),
            static("alertmanager", f"{addresses.node}:{ALERTMANAGER_PORT}"),
        ],
    }


def _pod_labels() -> list[dict[str, Any]]:
    """Which pods are scraped, by their annotations, and the labels of their series."""
    meta = "__meta_kubernetes_pod_"
    annotation = f"{meta}annotation_prometheus_io_"
    return [
        {"source_labels": [f"{annotation}scrape"], "action": "keep", "regex": "true"},
        {"source_labels": [f"{meta}phase"], "action": "drop", "regex": "Pending|Succeeded|Failed"},
        # One target per pod, not one per container port.
        {
            "source_labels": [f"{meta}ip", f"{annotation}port"],
            "separator": ":",
            "regex": r"(.+:\d+)",
            "target_label": "__address__",
        },
        {"source_labels": [f"{annotation}path"], "regex": "(/.*)", "target_label": "__metrics_path__"},
        {"source_labels": [f"{annotation}scheme"], "regex": "(https?)", "target_label": "__scheme__"},
        {"source_labels": ["__meta_kubernetes_namespace"], "target_label": "namespace"},
        {"source_labels": [f"{meta}name"], "target_label": "pod"},
        {"source_labels": [f"{meta}label_app_kubernetes_io_instance"], "target_label": "release"},
    ]


def manifest_values(addresses: Addresses) -> dict[str, str]:
    """What `${...}` stands for in the manifests."""
    return {
        "DNS_ADDRESS": str(addresses.dns),
        "COREDNS_IMAGE": COREDNS,
        "METRICS_SERVER_IMAGE": METRICS_SERVER,
    }
