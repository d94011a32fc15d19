"""The programs of a node and their arguments: pure data from addresses and paths.

Listening: on the node's address and on loopback of the node's own network, never on the machine's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ekiben.ground.addresses import (
    ALERTMANAGER_PORT,
    API_PORT,
    PROMETHEUS_PORT,
    REGISTRY_PORT,
    Addresses,
)
from ekiben.ground.layout import NODE, NODE_BINARIES, NODE_DEBIAN

PKI = NODE / "pki"
CONF = NODE / "conf"
CONTAINERD_SOCKET = Path("/run/containerd/containerd.sock")
IMAGES = "system-images.tar"  # beside the binaries that it is made of


@dataclass(frozen=True, slots=True)
class Component:
    """One program of the node.

    Attributes:
        name: Its name in logs and status.
        argv: Program and arguments.
        after: Components that must answer before it starts.
        ready: `host:port`, `unix:path` or `https:host:port/path` that answers when it is ready; empty: at once.
        once: It ends by itself with status 0 and is not started again.
        env: Variables added to the node's.
    """

    name: str
    argv: tuple[str, ...]
    after: tuple[str, ...] = ()
    ready: str = ""
    once: bool = False
    env: dict[str, str] = field(default_factory=dict)


def _go(program: str, *arguments: str) -> tuple[str, ...]:
    return (str(NODE_BINARIES / program), *arguments)


def _debian(program: str, *arguments: str) -> tuple[str, ...]:
    return (str(NODE_DEBIAN / "usr" / "bin" / program), *arguments)


def _etcd() -> Component:
    url = "https://127.0.0.1:2379"
    return Component(
        "etcd",
        _debian(
            "etcd",
            "--name=node",
            f"--data-dir={NODE / 'etcd'}",
            f"--listen-client-urls={url}",
            f"--advertise-client-urls={url}",
            "--listen-peer-urls=http://127.0.0.1:2380",
            "--initial-advertise-peer-urls=http://127.0.0.1:2380",
            "--initial-cluster=node=http://127.0.0.1:2380",
            f"--cert-file={PKI / 'etcd-server.crt'}",
            f"--key-file={PKI / 'etcd-server.key'}",
            f"--trusted-ca-file={PKI / 'etcd-ca.crt'}",
            "--client-cert-auth=true",
            "--unsafe-no-fsync=true",  # a cluster that is thrown away: only a power cut could lose it
            "--snapshot-count=5000",
            "--auto-compaction-retention=10m",
            "--quota-backend-bytes=1073741824",
            "--logger=zap",
            "--log-level=warn",
        ),
        ready="127.0.0.1:2379",
    )


def _api_server(addresses: Addresses) -> Component:
    node = str(addresses.node)
    return Component(
        "kube-apiserver",
        _go(
            "kube-apiserver",
            f"--advertise-address={node}",
            "--bind-address=0.0.0.0",  # of the node's own network: its address and loopback
            f"--secure-port={API_PORT}",
            "--etcd-servers=https://127.0.0.1:2379",
            f"--etcd-cafile={PKI / 'etcd-ca.crt'}",
            f"--etcd-certfile={PKI / 'etcd-client.crt'}",
            f"--etcd-keyfile={PKI / 'etcd-client.key'}",
            f"--service-cluster-ip-range={addresses.services}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            f"--client-ca-file={PKI / 'ca.crt'}",
            f"--tls-cert-file={PKI / 'apiserver.crt'}",
            f"--tls-private-key-file={PKI / 'apiserver.key'}",
            f"--kubelet-certificate-authority={PKI / 'ca.crt'}",
            f"--kubelet-client-certificate={PKI / 'apiserver-kubelet-client.crt'}",
            f"--kubelet-client-key={PKI / 'apiserver-kubelet-client.key'}",
            "--kubelet-preferred-address-types=InternalIP",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={PKI / 'sa.pub'}",
            f"--service-account-signing-key-file={PKI / 'sa.key'}",
            "--enable-aggregator-routing=true",
            f"--requestheader-client-ca-file={PKI / 'front-proxy-ca.crt'}",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-username-headers=X-Remote-User",
            f"--proxy-client-cert-file={PKI / 'front-proxy-client.crt'}",
            f"--proxy-client-key-file={PKI / 'front-proxy-client.key'}",
            "--profiling=false",
        ),
        after=("etcd",),
        ready=f"https:127.0.0.1:{API_PORT}/readyz",
    )


def _controller_manager(addresses: Addresses) -> Component:
    config = str(CONF / "controller-manager.kubeconfig")
    return Component(
        "kube-controller-manager",
        _go(
            "kube-controller-manager",
            f"--kubeconfig={config}",
            f"--authentication-kubeconfig={config}",
            f"--authorization-kubeconfig={config}",
            "--bind-address=127.0.0.1",
            f"--tls-cert-file={PKI / 'node.crt'}",
            f"--tls-private-key-file={PKI / 'node.key'}",
            "--allocate-node-cidrs=true",
            f"--cluster-cidr={addresses.pods}",
            "--node-cidr-mask-size=24",
            f"--service-cluster-ip-range={addresses.services}",
            f"--root-ca-file={PKI / 'ca.crt'}",
            f"--cluster-signing-cert-file={PKI / 'ca.crt'}",
            f"--cluster-signing-key-file={PKI / 'ca.key'}",
            f"--service-account-private-key-file={PKI / 'sa.key'}",
            "--use-service-account-credentials=true",
            "--controllers=*,bootstrapsigner,tokencleaner",
            # A third of Kubernetes' 15 s: the load test looks at seconds. Source: HPA documentation.
            "--horizontal-pod-autoscaler-sync-period=5s",
            "--leader-elect=false",
            "--profiling=false",
        ),
        after=("kube-apiserver",),
        ready="127.0.0.1:10257",
    )


def _scheduler() -> Component:
    config = str(CONF / "scheduler.kubeconfig")
    return Component(
        "kube-scheduler",
        _go(
            "kube-scheduler",
            f"--kubeconfig={config}",
            f"--authentication-kubeconfig={config}",
            f"--authorization-kubeconfig={config}",
            "--bind-address=127.0.0.1",
            f"--tls-cert-file={PKI / 'node.crt'}",
            f"--tls-private-key-file={PKI / 'node.key'}",
            "--leader-elect=false",
            "--profiling=false",
        ),
        after=("kube-apiserver",),
        ready="127.0.0.1:10259",
    )


def _kubelet(addresses: Addresses, node_name: str) -> Component:
    return Component(
        "kubelet",
        _go(
            "kubelet",
            f"--config={CONF / 'kubelet.yaml'}",
            f"--kubeconfig={CONF / 'kubelet.kubeconfig'}",
            f"--root-dir={NODE / 'kubelet'}",
            f"--hostname-override={node_name}",
            f"--node-ip={addresses.node}",
            "--housekeeping-interval=5s",  # cAdvisor's 10 s would let metrics-server read the same value twice
        ),
        after=("kube-apiserver", "images"),
        ready=f"{addresses.node}:10250",
    )


def _kube_proxy(addresses: Addresses, node_name: str) -> Component:
    return Component(
        "kube-proxy",
        _go(
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
        _go(
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
        _debian(
            "prometheus-alertmanager",
            f"--config.file={CONF / 'alertmanager.yaml'}",
            f"--storage.path={NODE / 'alertmanager'}",
            f"--web.listen-address={node}:{ALERTMANAGER_PORT}",
            "--cluster.listen-address=",
        ),
        ready=f"{node}:{ALERTMANAGER_PORT}",
    )
    return [prometheus, alertmanager]


def _images() -> Component:
    ctr = _debian("ctr", "--address", str(CONTAINERD_SOCKET), "--namespace", "k8s.io")
    return Component(
        "images",
        (*ctr, "images", "import", "--all-platforms", str(NODE_BINARIES / IMAGES)),
        after=("containerd",),
        once=True,
    )


def _manifests() -> Component:
    return Component(
        "manifests",
        _go(
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


def of_node(addresses: Addresses, node_name: str) -> list[Component]:
    """Every component of the node, in the order in which they start.

    Args:
        addresses: The cluster's addresses.
        node_name: Name of the node.
    """
    containerd = Component(
        "containerd",
        _debian("containerd", "--config", str(CONF / "containerd.toml")),
        ready=f"unix:{CONTAINERD_SOCKET}",
    )
    registry = Component(
        "registry",
        _debian("docker-registry", "serve", str(CONF / "registry.yaml")),
        ready=f"{addresses.node}:{REGISTRY_PORT}",
        env={"OTEL_TRACES_EXPORTER": "none"},
    )
    return [
        _etcd(),
        containerd,
        registry,
        _api_server(addresses),
        _images(),
        _kubelet(addresses, node_name),
        _controller_manager(addresses),
        _scheduler(),
        _kube_proxy(addresses, node_name),
        _manifests(),
        *_observers(addresses),
    ]
