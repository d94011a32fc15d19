"""Which models a cluster carries: deployments, their replica sets (what can be rolled back to) and pods."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ekiben.clients.connection import TIMEOUT_SECONDS
from ekiben.clients.stored import Stored

_SELECTOR = "app.kubernetes.io/name=model-server,app.kubernetes.io/part-of=ekiben"
_RECORDS = "app.kubernetes.io/managed-by=ekiben,app.kubernetes.io/part-of=ekiben,ekiben.dev/release"
_MODEL, _VERSION, _ARTEFACT = "ekiben.dev/model", "ekiben.dev/model-version", "ekiben.dev/artefact"
_RELEASE = "ekiben.dev/release"


@dataclass(frozen=True, slots=True)
class Carried:
    """A model that an object of the cluster carries, as the chart annotates its pods.

    Attributes:
        place: `kind namespace/name`.
        model: Its name; empty if the object does not say.
        version: Its version; likewise.
        artefact_sha256: `sha256:...`; likewise.
    """

    place: str
    model: str
    version: str
    artefact_sha256: str


@dataclass(frozen=True, slots=True)
class Recorded:
    """The data of one release's record.

    Attributes:
        namespace: Where.
        release: Whose.
        data: Of the ConfigMap.
    """

    namespace: str
    release: str
    data: Mapping[str, str]


class Served(Stored):
    """What ekiben asks of more than one namespace; it reads only."""

    def carried(self, namespaces: Sequence[str] = ()) -> tuple[Carried, ...]:
        """Find the models that run, or that a Deployment could go back to.

        Args:
            namespaces: Where to look; none means all, which asks for leave to list cluster-wide.

        Raises:
            ClusterError: One of them is not ours to read: then nothing is known.
        """
        found = [
            _carried(kind, one, template)
            for kind, calls, group, template in (
                ("deployment", "deployment", self._apps, True),
                ("replica set", "replica_set", self._apps, True),
                ("pod", "pod", self._core, False),
            )
            for one in self._listed(group, calls, _SELECTOR, namespaces)
        ]
        return tuple(found)

    def recorded(self, namespaces: Sequence[str] = ()) -> tuple[Recorded, ...]:
        """Find the records of all releases.

        Args:
            namespaces: As for `carried`.

        Raises:
            ClusterError: As for `carried`.
        """
        return tuple(
            Recorded(one.metadata.namespace, one.metadata.labels[_RELEASE], dict(one.data or {}))
            for one in self._listed(self._core, "config_map", _RECORDS, namespaces)
        )

    def _listed(self, group: Any, calls: str, selector: str, namespaces: Sequence[str]) -> Iterable[Any]:
        every: Callable[..., Any] = getattr(group, f"list_{calls}_for_all_namespaces")
        within: Callable[..., Any] = getattr(group, f"list_namespaced_{calls}")
        words = f"a list of {calls.replace('_', ' ')}s"
        if not namespaces:
            with self._asking(f"{words} in all namespaces"):
                yield from every(label_selector=selector, _request_timeout=TIMEOUT_SECONDS).items
        for each in namespaces:
            with self._asking(f"{words} in {each}"):
                yield from within(each, label_selector=selector, _request_timeout=TIMEOUT_SECONDS).items


def _carried(kind: str, one: Any, template: bool) -> Carried:
    metadata = one.spec.template.metadata if template else one.metadata
    said: Mapping[str, str] = (metadata.annotations if metadata else None) or {}
    return Carried(
        f"{kind} {one.metadata.namespace}/{one.metadata.name}",
        said.get(_MODEL, ""),
        said.get(_VERSION, ""),
        said.get(_ARTEFACT, ""),
    )
