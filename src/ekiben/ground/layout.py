"""Where the files of one local cluster are, on the machine and inside the node."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from ekiben.clients import places
from ekiben.errors import ConfigError

_NAME = re.compile(r"^[a-z]([-a-z0-9]{0,18}[a-z0-9])?$")  # also a host name and part of a control group's

# Inside the node's mount namespace the cluster's folder has this short, fixed path:
# sockets keep within the kernel's 108 characters wherever the state folder is.
NODE = Path("/run/ekiben")
NODE_BINARIES = Path("/run/ekiben-bin")  # the Go binaries
NODE_KEDA = Path("/run/ekiben-keda")  # KEDA's images, where it is wanted
NODE_DEBIAN = Path("/run/ekiben-debian")  # extracted packages
NODE_REGISTRY = Path("/run/ekiben-registry")  # the registry's storage


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of a cluster on the machine.

    Attributes:
        name: Name of the cluster.
    """

    name: str

    @classmethod
    def of(cls, name: str) -> Layout:
        """The layout of a cluster.

        Raises:
            ConfigError: The name cannot be a host name.
        """
        if not _NAME.match(name):
            raise ConfigError(
                f"expected a cluster name of up to 20 lower-case letters, digits, dashes inside, "
                f"found {name!r}"
            )
        return cls(name)

    @property
    def folder(self) -> Path:
        """All of the cluster's state."""
        return clusters() / self.name

    @property
    def record(self) -> Path:
        """`cluster.json`: what was decided for it, written before anything changes."""
        return self.folder / "cluster.json"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's access."""
        return self.folder / "kubeconfig"

    @property
    def lock(self) -> Path:
        """Held by the node while it lives; holds the process id of its keeper."""
        return self.folder / "node.lock"

    @property
    def turn(self) -> Path:
        """Held while `up`, `down` or `reset` changes the cluster; outlives its folder."""
        return clusters() / f".{self.name}.turn"

    @property
    def components(self) -> Path:
        """What the node says of its components: JSON, replaced whole."""
        return self.folder / "components.json"

    @property
    def logs(self) -> Path:
        """One log per component."""
        return self.folder / "log"

    @property
    def rules(self) -> Path:
        """Prometheus loads every `*.yaml` here; those of PrometheusRules come and go with the objects."""
        return self.folder / "rules"

    @property
    def registry(self) -> Path:
        """The registry's storage; kept over `down`, so that a second push is quick."""
        return places.cache() / "registry" / self.cgroup

    @property
    def context(self) -> str:
        """Name of its context."""
        return f"ekiben-{self.name}"

    @property
    def cgroup(self) -> str:
        """Its control group, below the root of every hierarchy; another copy's `local` has another."""
        return f"ekiben-{self.name}-{hashlib.sha256(str(clusters().resolve()).encode()).hexdigest()[:6]}"


def clusters() -> Path:
    """Folder of all local clusters."""
    return places.state() / "clusters"


def known() -> list[Layout]:
    """Clusters that left something on this machine, running or not."""
    folder = clusters()
    if not folder.is_dir():
        return []
    return [
        Layout(path.name) for path in sorted(folder.iterdir()) if path.is_dir() and _NAME.match(path.name)
    ]
