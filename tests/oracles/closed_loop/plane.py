"""A control plane without nodes: etcd, API server and controller-manager on loopback, in a folder of its own.

Programs and flags are those of `ekiben cluster up`, but for ports, folders, the controllers that run, and the
autoscaler's periods. It needs no root, and every process that it starts ends with it, however it ends.
"""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Network
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import yaml
from tests.oracles.closed_loop.trace import FLAGS

from ekiben.clients import debian, gobuild, recipes
from ekiben.errors import ToolError
from ekiben.ground import certificates, configuration, controlplane, layout, preflight, provision
from ekiben.ground.addresses import Addresses

Say = Callable[[str], None]
PROGRAMS = ("kube-apiserver", "kube-controller-manager")
_CONTROLLERS = "deployment-controller,replicaset-controller,horizontal-pod-autoscaler-controller"
_GATES = "--feature-gates=HPAScaleToZero=true"  # alpha in 1.35; tolerances per direction are on by themselves
_START_SECONDS = 120
_STOP_SECONDS = 15
_WITH_US = ("setpriv", "--pdeathsig", "KILL")  # a run that is killed leaves no process behind
# Nothing is ever routed there; the node's address is only what the API server calls itself.
_ADDRESSES = Addresses(
    0, IPv4Network("198.18.0.0/16"), IPv4Network("198.19.0.0/17"), IPv4Network("198.19.128.0/30")
)
# All that tells what the autoscaler was given and what it did; bodies where they are read.
_AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted"],
    "omitManagedFields": True,
    "rules": [
        {"level": "None", "verbs": ["watch"]},
        {"level": "None", "nonResourceURLs": ["*"]},
        {
            "level": "RequestResponse",
            "verbs": ["get", "update"],
            "resources": [{"group": "apps", "resources": ["deployments/scale"]}],
        },
        {
            "level": "RequestResponse",
            "verbs": ["create", "update", "patch", "delete"],
            "resources": [
                {"group": "", "resources": ["pods", "pods/status"]},
                {"group": "autoscaling", "resources": ["horizontalpodautoscalers"]},
            ],
        },
        {
            "level": "Request",
            "verbs": ["update"],
            "resources": [{"group": "autoscaling", "resources": ["horizontalpodautoscalers/status"]}],
        },
        {
            "level": "Metadata",
            "resources": [
                {"group": group}
                for group in ("metrics.k8s.io", "custom.metrics.k8s.io", "external.metrics.k8s.io")
            ],
        },
        {"level": "None"},
    ],
}


@dataclass(frozen=True, slots=True)
class Plane:
    """A running control plane.

    Attributes:
        server: URL of the API server.
        tls: Trusts it, and is its administrator.
        audit: The API server's audit log.
    """

    server: str
    tls: ssl.SSLContext
    audit: Path


def kubernetes() -> str:
    """The version that runs, as `k8s/local/go.mod` pins it."""
    go_mod = (recipes.NODE.module / "go.mod").read_text(encoding="utf-8")
    return recipes.requirements(go_mod)["k8s.io/kubernetes"]


@contextmanager
def running(folder: Path, sync_seconds: float, say: Say) -> Iterator[Plane]:
    """A control plane in an empty folder, until the block ends.

    Raises:
        ToolError: A program could not be built, or did not become ready.
    """
    binaries = gobuild.build(recipes.NODE, PROGRAMS, say=say, nice=True)
    tree = debian.extract(preflight.NODE_PACKAGES, provision.DEBIAN_SET, say=say)
    ports = _free_ports(4)
    server = f"https://127.0.0.1:{ports[2]}"
    _files(folder, server)
    roots = {layout.NODE: folder, layout.NODE_BINARIES: binaries, layout.NODE_DEBIAN: tree}
    argvs = {
        name: [_placed(each, roots) for each in argv]
        for name, argv in _commands(folder, ports, sync_seconds).items()
    }
    tls = ssl.create_default_context(cafile=str(folder / "pki" / "ca.crt"))
    tls.load_cert_chain(folder / "pki" / "admin.crt", folder / "pki" / "admin.key")
    with _processes(folder) as start:
        start("etcd", argvs["etcd"])
        start("kube-apiserver", argvs["kube-apiserver"])
        _await_ready(f"{server}/readyz", tls, folder / "kube-apiserver.log")
        start("kube-controller-manager", argvs["kube-controller-manager"])
        yield Plane(server, tls, folder / "audit.log")


def _files(folder: Path, server: str) -> None:
    pki = certificates.of_cluster(_ADDRESSES, "node", datetime.now(UTC))
    config = configuration.kubeconfig("plane", server, pki, "controller-manager")
    files = {f"pki/{name}": content for name, content in pki.items()}
    files |= {
        "conf/controller-manager.kubeconfig": config.encode(),
        "audit.yaml": yaml.safe_dump(_AUDIT).encode(),
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(content)


def _commands(folder: Path, ports: Sequence[int], sync_seconds: float) -> dict[str, list[str]]:
    client, peer, api, manager = ports
    etcd = {
        "--listen-client-urls": f"https://127.0.0.1:{client}",
        "--advertise-client-urls": f"https://127.0.0.1:{client}",
        "--listen-peer-urls": f"http://127.0.0.1:{peer}",
        "--initial-advertise-peer-urls": f"http://127.0.0.1:{peer}",
        "--initial-cluster": f"node=http://127.0.0.1:{peer}",
    }
    api_server = {
        "--bind-address": "127.0.0.1",
        "--secure-port": f"{api}",
        "--etcd-servers": f"https://127.0.0.1:{client}",
        "--endpoint-reconciler-type": "none",
        "--disable-admission-plugins": "ServiceAccount",  # pods of nobody: no controller makes accounts here
        "--enable-aggregator-routing": "false",  # so that a Service may be a name, that of loopback
        "--audit-policy-file": str(folder / "audit.yaml"),
        "--audit-log-path": str(folder / "audit.log"),
        "--audit-log-mode": "blocking",
    }
    prefix = "--horizontal-pod-autoscaler"
    controllers = {
        "--secure-port": f"{manager}",
        "--controllers": _CONTROLLERS,
        f"{prefix}-sync-period": f"{sync_seconds:g}s",
        f"{prefix}-tolerance": f"{FLAGS['tolerance']:g}",
        f"{prefix}-downscale-stabilization": f"{FLAGS['downscale_stabilization']:g}s",
        f"{prefix}-cpu-initialization-period": f"{FLAGS['cpu_initialization_period']:g}s",
        f"{prefix}-initial-readiness-delay": f"{FLAGS['initial_readiness_delay']:g}s",
    }
    return {
        "etcd": with_flags(controlplane.etcd().argv, etcd),
        "kube-apiserver": [*with_flags(controlplane.api_server(_ADDRESSES).argv, api_server), _GATES],
        "kube-controller-manager": [
            *with_flags(controlplane.controller_manager(_ADDRESSES).argv, controllers),
            _GATES,
        ],
    }


def with_flags(argv: Sequence[str], flags: Mapping[str, str]) -> list[str]:
    """A command with other values for some flags, in their places; a list may not be given twice."""
    left = dict(flags)
    made = []
    for each in argv:
        name = each.partition("=")[0]
        made.append(f"{name}={left.pop(name)}" if name in left else each)
    return [*made, *(f"{name}={value}" for name, value in left.items())]


def _placed(argument: str, roots: Mapping[Path, Path]) -> str:
    """An argument with folders of this machine instead of the node's."""
    for inside, here in roots.items():
        argument = argument.replace(f"{inside}/", f"{here}/")
    return argument


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


@contextmanager
def _processes(folder: Path) -> Iterator[Callable[[str, Sequence[str]], None]]:
    """Start programs whose output goes to `<name>.log`; they end with the block, the last one first."""
    started: list[subprocess.Popen[bytes]] = []

    def start(name: str, argv: Sequence[str]) -> None:
        with (folder / f"{name}.log").open("wb") as log:
            started.append(
                subprocess.Popen(
                    [*_WITH_US, *argv], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder
                )
            )

    try:
        yield start
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()


def _await_ready(url: str, tls: ssl.SSLContext, log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        try:
            with urlopen(url, context=tls, timeout=5):  # https, of our own making
                return
        except (URLError, OSError):
            time.sleep(0.5)
    last = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:])
    raise ToolError(f"expected {url} to answer within {_START_SECONDS} s, found none", last_lines=last)
