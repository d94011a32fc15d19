"""The control plane's programs and their arguments: etcd, API server, controller-manager, scheduler."""

from __future__ import annotations

from ekiben.ground.addresses import API_PORT, Addresses
from ekiben.ground.component import CONF, PKI, Component, debian, go
from ekiben.ground.layout import NODE


def etcd() -> Component:
    """The store, on loopback, with certificates of its own authority."""
    url = "https://127.0.0.1:2379"
    return Component(
        "etcd",
        debian(
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


def api_server(addresses: Addresses) -> Component:
    """The API, on the node's address, with RBAC and aggregation."""
    node = str(addresses.node)
    return Component(
        "kube-apiserver",
        go(
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


def controller_manager(addresses: Addresses) -> Component:
    """The controllers, among them the HPA."""
    config = str(CONF / "controller-manager.kubeconfig")
    return Component(
        "kube-controller-manager",
        go(
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
            # The default 20 a second make its own start, some forty service accounts, last five seconds.
            "--kube-api-qps=100",
            "--kube-api-burst=200",
            "--controllers=*,bootstrapsigner,tokencleaner",
            # A third of Kubernetes' 15 s: the load test looks at seconds. Source: HPA documentation.
            "--horizontal-pod-autoscaler-sync-period=5s",
            "--leader-elect=false",
            "--profiling=false",
        ),
        after=("kube-apiserver",),
        ready="127.0.0.1:10257",
    )


def scheduler() -> Component:
    """The scheduler."""
    config = str(CONF / "scheduler.kubeconfig")
    return Component(
        "kube-scheduler",
        go(
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
