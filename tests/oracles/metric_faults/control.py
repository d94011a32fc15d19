"""The closed loop's control plane, whose controller-manager may be killed and started again."""

from __future__ import annotations

import signal
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.oracles.closed_loop import plane
from tests.oracles.closed_loop.plane import Plane

from ekiben.clients import debian, gobuild, recipes
from ekiben.ground import layout, preflight, provision

Say = Callable[[str], None]
_MANAGER = "kube-controller-manager"
_STOP_SECONDS = 15
REQUEST_SECONDS = 4  # a fifteenth of the API server's default, which a metric that never comes waits for
# So many HPAs at once that one which waits for a metric keeps no other from its sync.
_AT_ONCE = 64


@dataclass(slots=True)
class Programs:
    """Programs of a control plane.

    Attributes:
        plane: How to reach it.
        folder: Where its files are.
        argvs: Commands by name.
    """

    plane: Plane
    folder: Path
    argvs: Mapping[str, Sequence[str]]
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Start a program; its output goes to `<name>.log`, and it ends with this process."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                [*plane._WITH_US, *self.argvs[name]],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
            )  # fmt: skip

    def kill_manager(self) -> None:
        """End the controller-manager as a node's end would."""
        process = self._running.pop(_MANAGER)
        process.kill()
        process.wait()

    def start_manager(self) -> None:
        """Start it again; what it remembered is gone."""
        self.start(_MANAGER)

    def stop(self) -> None:
        """End all, the last one first."""
        for process in reversed(self._running.values()):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def running(folder: Path, sync_seconds: float, say: Say) -> Iterator[Programs]:
    """A control plane in an empty folder, until the block ends.

    Raises:
        ToolError: A program could not be built, or did not become ready.
    """
    binaries = gobuild.build(recipes.NODE, plane.PROGRAMS, say=say, nice=True)
    tree = debian.extract(preflight.NODE_PACKAGES, provision.DEBIAN_SET, say=say)
    ports = plane._free_ports(4)
    server = f"https://127.0.0.1:{ports[2]}"
    plane._files(folder, server)
    roots = {layout.NODE: folder, layout.NODE_BINARIES: binaries, layout.NODE_DEBIAN: tree}
    argvs = {
        name: [plane._placed(each, roots) for each in argv]
        for name, argv in plane._commands(folder, ports, sync_seconds).items()
    }
    argvs["kube-apiserver"].append(f"--request-timeout={REQUEST_SECONDS}s")
    argvs[_MANAGER].append(f"--concurrent-horizontal-pod-autoscaler-syncs={_AT_ONCE}")
    tls = ssl.create_default_context(cafile=str(folder / "pki" / "ca.crt"))
    tls.load_cert_chain(folder / "pki" / "admin.crt", folder / "pki" / "admin.key")
    made = Programs(Plane(server, tls, folder / "audit.log"), folder, argvs)
    try:
        made.start("etcd")
        made.start("kube-apiserver")
        plane._await_ready(f"{server}/readyz", tls, folder / "kube-apiserver.log")
        made.start(_MANAGER)
        yield made
    finally:
        made.stop()
