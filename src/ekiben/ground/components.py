"""The programs of a node in the order in which they start: pure data from addresses and paths.

Listening: on the node's address and on loopback of the node's own network, never on the machine's.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ekiben.ground import controlplane
from ekiben.ground.addresses import ALERTMANAGER_PORT, API_PORT, PROMETHEUS_PORT, REGISTRY_PORT, Addresses
from ekiben.ground.component import CONF, CONTAINERD_SOCKET, IMAGES, KEDA_IMAGES, Component, debian, go
from ekiben.ground.layout import NODE, NODE_BINARIES, NODE_KEDA


def _kubelet(addresses: Addresses, node_name: str) -> Component:
    return Component(
        "kubelet",
        go(
            "kubelet",
            f"--config={CONF / 'kubelet.yaml'}",
            f"--kubeconfig={CONF / 'kubelet.kubeconfig'}",
            f"--root-dir={NODE / 'kubelet'}",
            f"--hostname-override={node_name}",
            f"--node-ip={addresses.node}",
            "--housekeeping-interval=5s",  # at 10 s metrics-server would read a value twice
        ),
        after=("kube-apiserver", "images"),
        ready=f"{addresses.node}:10250",
    )


def _kube_proxy(addresses: Addresses, node_name: str) -> Component:
    return Component(
        "kube-proxy",
        go(
            "kube-proxy",
            f"--kubeconfig={CONF / 'kube-proxy.kubeconfig'}",
            f"--hostname-override={node_name}",
            f"--cluster-cidr={addresses.pods}",
            "--proxy-mode=iptables",
            # Zero leaves conntrack's limits alone: they belong to the whole machine.
            "--conntrack-max-per-core=0",
            "--conntrack-tcp-timeout-established=0",
            "--conntrack-tcp-timeout-close-wait=0",
            "--metrics-bind-address=127.0.0.1:10249",
            "--healthz-bind-address=127.0.0.1:10256",
        ),
        after=("kube-apiserver",),
        ready="127.0.0.1:10256",
    )


def _observers(addresses: Addresses) -> list[Component]:
    node = addresses.node
    prometheus = Component(
        "prometheus",
        go(
            "prometheus",
            f"--config.file={CONF / 'prometheus.yaml'}",
            f"--storage.tsdb.path={NODE / 'prometheus'}",
            "--storage.tsdb.retention.time=1d",
            "--storage.tsdb.retention.size=1GB",
            f"--web.listen-address={node}:{PROMETHEUS_PORT}",
            "--web.enable-lifecycle",
        ),
        after=("kube-apiserver",),
        ready=f"{node}:{PROMETHEUS_PORT}",
    )
    alertmanager = Component(
        "alertmanager",
        debian(
            "prometheus-alertmanager",
            f"--config.file={CONF / 'alertmanager.yaml'}",
            f"--storage.path={NODE / 'alertmanager'}",
            f"--web.listen-address={node}:{ALERTMANAGER_PORT}",
            "--cluster.listen-address=",
        ),
        ready=f"{node}:{ALERTMANAGER_PORT}",
    )
    rules = Component(
        "rules",
        (sys.executable, "-m", "ekiben.ground.rules", f"{node}:{API_PORT}",
         f"{node}:{PROMETHEUS_PORT}"),
        after=("manifests", "prometheus"),  # the kind must be there
    )  # fmt: skip
    return [prometheus, alertmanager, rules]


def _images(name: str, archive: Path) -> Component:
    ctr = debian("ctr", "--address", str(CONTAINERD_SOCKET), "--namespace", "k8s.io")
    return Component(
        name,
        (*ctr, "images", "import", "--all-platforms", str(archive)),
        after=("containerd",),
        once=True,
    )


def _manifests() -> Component:
    return Component(
        "manifests",
        go(
            "kubectl",
            f"--kubeconfig={CONF / 'admin.kubeconfig'}",
            "apply",
            "--server-side",
            "--force-conflicts",
            "--filename",
            str(NODE / "manifests"),
        ),
        after=("kube-apiserver",),
        once=True,
    )


def of_node(addresses: Addresses, node_name: str, *, with_keda: bool = False) -> list[Component]:
    """Every component of the node, in the order in which they start.

    Args:
        addresses: The cluster's addresses.
        node_name: Name of the node.
        with_keda: KEDA's images too; its manifest lies with the others.
    """
    containerd = Component(
        "containerd",
        debian("containerd", "--config", str(CONF / "containerd.toml")),
        ready=f"unix:{CONTAINERD_SOCKET}",
    )
    registry = Component(
        "registry",
        debian("docker-registry", "serve", str(CONF / "registry.yaml")),
        ready=f"{addresses.node}:{REGISTRY_PORT}",
        env={"OTEL_TRACES_EXPORTER": "none"},
    )
    return [
        controlplane.etcd(),
        containerd,
        registry,
        controlplane.api_server(addresses),
        _images("images", NODE_BINARIES / IMAGES),
        *([_images("keda-images", NODE_KEDA / KEDA_IMAGES)] if with_keda else []),
        _kubelet(addresses, node_name),
        controlplane.controller_manager(addresses),
        controlplane.scheduler(),
        _kube_proxy(addresses, node_name),
        _manifests(),
        *_observers(addresses),
    ]
