"""The two that a diagnosis asks, open for as long as it takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from ekiben.clients import cluster as clusters
from ekiben.clients.prometheus import Prometheus
from ekiben.diagnosis.doctor.reading import Metrics, View
from ekiben.identifiers import ClusterAddress


@contextmanager
def opened(
    address: ClusterAddress, url: str, cluster: View | None, prometheus: Metrics | None
) -> Iterator[tuple[View, Metrics | None]]:
    """Give a cluster and its Prometheus; those that were open already stay open.

    Args:
        address: Of the cluster.
        url: Of Prometheus; empty if it is not known.
        cluster: Open already, or None.
        prometheus: Open already, or None.

    Raises:
        ClusterError: There is no such context.
    """
    with ExitStack() as stack:
        view = cluster or stack.enter_context(clusters.connect(address.kubeconfig, address.context))
        yield view, prometheus or (stack.enter_context(Prometheus(url)) if url else None)
