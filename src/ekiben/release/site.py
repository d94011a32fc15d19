"""Where a release happens: one cluster, one namespace, one name, and how long one may wait there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from ekiben.clients import tools
from ekiben.clients.cluster import Cluster, connect
from ekiben.clients.helm import Helm, is_server_side
from ekiben.identifiers import ClusterAddress, Revision


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Site:
    """Clients and names of one release.

    Attributes:
        cluster: The cluster.
        helm: Helm at the same cluster.
        release: Name of the Helm release; also of its Deployment, Service and HPA.
        namespace: Its namespace.
        timeout_seconds: Longest wait for ready.
        clock: Monotonic seconds.
        sleep: Waits so many seconds.
        now: The time of day, with zone.
    """

    cluster: Cluster
    helm: Helm
    release: str
    namespace: str
    timeout_seconds: float
    clock: Callable[[], float] = field(default=time.monotonic)
    sleep: Callable[[float], None] = field(default=time.sleep)
    now: Callable[[], datetime] = field(default=_utc_now)

    def revision(self, number: int) -> Revision:
        """Name a revision of this release."""
        return Revision(self.release, self.namespace, number)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.release}"


def helm_at(address: ClusterAddress) -> Helm:
    """Return Helm at a cluster.

    Raises:
        ToolError: No helm.
        ClusterError: The address names no context.
    """
    program = tools.find("helm")
    return Helm(program, address.context, address.kubeconfig, is_server_side(program))


@contextmanager
def at(address: ClusterAddress, release: str, namespace: str, timeout_seconds: float) -> Iterator[Site]:
    """Open the cluster for as long as the block runs.

    Raises:
        ToolError: No helm.
        ClusterError: No such context.
    """
    with connect(address.kubeconfig, address.context) as cluster:
        yield Site(cluster, helm_at(address), release, namespace, timeout_seconds)


def with_timeout(site: Site, seconds: float) -> Site:
    """Return the same site with another longest wait."""
    return replace(site, timeout_seconds=seconds)
