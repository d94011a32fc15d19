"""Which versions of models releases use or can go back to, as clusters say; read only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ekiben.clients.cluster import Cluster
from ekiben.errors import ClusterError
from ekiben.release import record
from ekiben.release.record import Verified
from ekiben.serving import artefact as reader


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a version.

    Attributes:
        version: Of the model: the start of its artefact's hash.
        where: For people.
    """

    version: str
    where: str


@dataclass(frozen=True, slots=True)
class Served:
    """A verified revision of some release.

    Attributes:
        context: Kube context of its cluster.
        namespace: Its namespace.
        release: Its name.
        entry: What the record says.
    """

    context: str
    namespace: str
    release: str
    entry: Verified


def in_use(cluster: Cluster, namespaces: Sequence[str] = ()) -> tuple[Use, ...]:
    """Find every version that a cluster runs, or that `ekiben rollback` could go back to.

    Args:
        cluster: It.
        namespaces: Where to look; none means all.

    Raises:
        ClusterError: Not ours to read, not reached, or a pod does not say what it carries: then it is not
            known what is in use.
    """
    found = []
    for each in cluster.carried(namespaces):
        version = reader.version_of(each.artefact_sha256) or each.version
        if not version:
            raise ClusterError(
                f"{cluster.context}: expected {each.place} to say which artefact it carries, found nothing",
                remedy="release it with ekiben, or say with --keep what must stay",
            )
        found.append(Use(version, f"{cluster.context}: {each.place}"))
    for one in served(cluster, namespaces):
        where = f"{cluster.context}: record of {one.namespace}/{one.release}, revision {one.entry.revision}"
        found.append(Use(reader.version_of(one.entry.artefact_sha256), where))
    return tuple(found)


def served(cluster: Cluster, namespaces: Sequence[str] = ()) -> tuple[Served, ...]:
    """Read the records of all releases.

    Args:
        cluster: It.
        namespaces: Where to look; none means all.

    Raises:
        ClusterError: Not ours to read, not reached, or a record that this release of ekiben cannot read.
    """
    return tuple(
        Served(cluster.context, each.namespace, each.release, entry)
        for each in cluster.recorded(namespaces)
        for entry in _entries(cluster, each.namespace, each.release, each.data.values())
    )


def _entries(cluster: Cluster, namespace: str, release: str, texts: Iterable[str]) -> Iterable[Verified]:
    for text in texts:
        entry = record.load(text)
        if entry is None:
            raise ClusterError(
                f"{cluster.context}: expected entries of this release of ekiben in the record of "
                f"{namespace}/{release}, found another",
                remedy="use the release of ekiben that wrote it, or say with --keep what must stay",
            )
        yield entry
