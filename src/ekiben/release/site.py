"""Where a release happens: one cluster, one namespace, one name, and how long one may wait there."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from ekiben.artefact import store
from ekiben.clients import tools
from ekiben.clients.cluster import Cluster, connect
from ekiben.clients.helm import Helm, is_server_side
from ekiben.config import ModelConfig
from ekiben.identifiers import ClusterAddress, Revision
from ekiben.release import keys
from ekiben.release.credential import given, headers, secret_name


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
        credential: What requests to the pods carry; empty where none is needed or known.
        keys_secret: Name of the Secret that the pods read keys from.
        verify_secret: Name of the Secret with the key that the release is proven with.
        models: BentoML's home whose alias `in-service` follows what is verified here; None: none does.
    """

    cluster: Cluster
    helm: Helm
    release: str
    namespace: str
    timeout_seconds: float
    clock: Callable[[], float] = field(default=time.monotonic)
    sleep: Callable[[float], None] = field(default=time.sleep)
    now: Callable[[], datetime] = field(default=_utc_now)
    credential: str = field(default="", repr=False)
    keys_secret: str = ""
    verify_secret: str = ""
    models: Path | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        """What requests to the pods carry."""
        return headers(self.credential)

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
def at(
    address: ClusterAddress,
    config: ModelConfig,
    namespace: str,
    environment: Mapping[str, str] = os.environ,
) -> Iterator[Site]:
    """Open the cluster for as long as the block runs.

    Args:
        address: The cluster.
        config: The model's `ekiben.yaml`: name of the release, its Secrets, the longest wait.
        namespace: Namespace of the release.
        environment: May hold the operator's own credential, `EKIBEN_API_KEY`.

    Raises:
        ToolError: No helm.
        ClusterError: No such context.
        ConfigError: `EKIBEN_API_KEY` is no credential.
    """
    name, values = config.release_name, config.release.values
    with connect(address.kubeconfig, address.context) as cluster:
        yield Site(
            cluster,
            helm_at(address),
            name,
            namespace,
            config.release.timeout_seconds,
            credential=given(environment),
            keys_secret=keys.secret_name(values, name),
            verify_secret=secret_name(values, name),
            models=store.home(),
        )


def with_timeout(site: Site, seconds: float) -> Site:
    """Return the same site with another longest wait."""
    return replace(site, timeout_seconds=seconds)
