"""The rung `kind`: Kubernetes in containers of Docker or Podman, with a registry beside it.

Written to kind's documentation; not tested where no container engine runs.

Source: https://kind.sigs.k8s.io/docs/user/local-registry/
"""

from __future__ import annotations

import json
from collections.abc import Callable

from ekiben.clients import command
from ekiben.ground.layout import Layout
from ekiben.ground.record import write
from ekiben.identifiers import ClusterAddress

_REGISTRY_IMAGE = "docker.io/library/registry:2"
_PORT = 5001  # 5000 is taken by AirPlay on a Mac
_CONFIG = """\
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
containerdConfigPatches:
  - |-
    [plugins."io.containerd.grpc.v1.cri".registry]
      config_path = "/etc/containerd/certs.d"
"""


def context(layout: Layout) -> str:
    """The context that kind makes."""
    return f"kind-{layout.context}"


def _registry(layout: Layout) -> str:
    return f"{layout.context}-registry"


def _mark(layout: Layout) -> str:
    return str(layout.folder / "kind.json")


def made(layout: Layout) -> bool:
    """Whether the cluster was made on this rung."""
    return (layout.folder / "kind.json").exists()


def up(layout: Layout, *, say: Callable[[str], None]) -> ClusterAddress:
    """Make the cluster and its registry, or what is missing of them.

    Raises:
        ToolError: kind or the engine failed.
    """
    from ekiben.ground.rungs import running_engine

    engine = running_engine() or "docker"
    layout.folder.mkdir(parents=True, exist_ok=True)
    write(layout.folder / "kind.json", json.dumps({"engine": engine}))
    registry = _registry(layout)
    if command.run([engine, "inspect", registry], check=False, show=False).status != 0:
        publish = f"127.0.0.1:{_PORT}:5000"
        command.run(
            [
                engine,
                "run",
                "--detach",
                "--restart=always",
                "--publish",
                publish,
                "--network",
                "bridge",
                "--name",
                registry,
                _REGISTRY_IMAGE,
            ]
        )
    names = command.run(["kind", "get", "clusters"]).stdout.split()
    if layout.context not in names:
        say("kind: making the cluster (usually 60 s)")
        command.run(
            [
                "kind",
                "create",
                "cluster",
                "--name",
                layout.context,
                "--kubeconfig",
                str(layout.kubeconfig),
                "--config",
                "-",
                "--wait",
                "120s",
            ],
            stdin=_CONFIG,
        )
    else:
        command.run(
            ["kind", "export", "kubeconfig", "--name", layout.context, "--kubeconfig", str(layout.kubeconfig)]
        )
    _join(engine, layout)
    return address(layout)


def _join(engine: str, layout: Layout) -> None:
    """Let the nodes pull `localhost:5001` from the registry's container."""
    registry = _registry(layout)
    folder = f"/etc/containerd/certs.d/localhost:{_PORT}"
    hosts = f'[host."http://{registry}:5000"]\n'
    for node in command.run(["kind", "get", "nodes", "--name", layout.context]).stdout.split():
        command.run([engine, "exec", node, "mkdir", "-p", folder])
        command.run(
            [engine, "exec", "--interactive", node, "cp", "/dev/stdin", f"{folder}/hosts.toml"], stdin=hosts
        )
    networks = command.run(
        [engine, "inspect", "--format", "{{json .NetworkSettings.Networks}}", registry]
    ).stdout
    if "kind" not in json.loads(networks or "{}"):
        command.run([engine, "network", "connect", "kind", registry])


def down(layout: Layout, *, say: Callable[[str], None]) -> None:
    """Remove cluster and registry.

    Raises:
        ToolError: kind or the engine failed.
    """
    import shutil

    engine = json.loads((layout.folder / "kind.json").read_text())["engine"]
    command.run(
        ["kind", "delete", "cluster", "--name", layout.context, "--kubeconfig", str(layout.kubeconfig)]
    )
    command.run([engine, "rm", "--force", "--volumes", _registry(layout)], check=False)
    shutil.rmtree(layout.folder)
    say(f"cluster {layout.name} is down")


def address(layout: Layout) -> ClusterAddress:
    """How to reach the cluster; its Prometheus is the user's to bring."""
    return ClusterAddress(
        context(layout), kubeconfig=layout.kubeconfig, registry=f"localhost:{_PORT}", registry_insecure=True
    )
