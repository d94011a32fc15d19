"""Which versions are in use, as every cluster says that the store knows of."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from ekiben.cli import session
from ekiben.errors import ClusterError

_log = logging.getLogger(__name__)


def find(
    home: Path, contexts: Sequence[str], namespaces: Sequence[str], *, forgiving: bool
) -> dict[str, list[str]]:
    """Ask the clusters that the store's history names, the local one that runs, and those that were named.

    Args:
        home: BentoML's home.
        contexts: Clusters that were named.
        namespaces: Where to look in each; none means all.
        forgiving: A cluster that cannot be asked is warned of, not refused.

    Returns:
        Where each version is used.

    Raises:
        ClusterError: A cluster cannot be asked, or none is known.
    """
    from ekiben.clients.cluster import connect
    from ekiben.release import uses

    found: dict[str, list[str]] = {}
    for context in _contexts(home, contexts):
        try:
            address = session.address(context or None)
            with connect(address.kubeconfig, address.context) as cluster:
                for use in uses.in_use(cluster, namespaces):
                    found.setdefault(use.version, []).append(use.where)
        except ClusterError as error:
            if not forgiving:
                raise ClusterError(
                    f"expected to find out which versions releases use, found: {error}",
                    status=error.status,
                    remedy="name the cluster with --context, its namespaces with -n, or say with --keep "
                    "which versions must stay",
                ) from error
            _log.warning("not asked: %s", error)
    return found


def _contexts(home: Path, named: Sequence[str]) -> Iterable[str]:
    """Contexts to ask; the empty one is the local cluster that runs: it must, if there is no other."""
    from ekiben.artefact import catalogue, ledger

    known = {
        str(event.evidence["context"])
        for name in catalogue.names(home)
        for event in ledger.read(name, home).events
        if event.evidence.get("context")
    }
    every = {*named, *known}
    if not every:
        return [""]
    try:
        every.add(session.address(None).context)
    except ClusterError:
        _log.debug("no local cluster runs")
    return sorted(every)
