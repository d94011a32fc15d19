"""The links of the chain in their order, and what was found of each."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ekiben.identifiers import ClusterAddress
from ekiben.jsonable import jsonable

# Name of each link, and what it says where it is sound; groups of links are read together.
CLUSTER = {"api-server": "the API server answers", "release": "the release is there"}
PODS = {
    "replicas": "replicas are wanted",
    "creation": "the API server lets its pods be made",
    "scheduling": "a node takes each pod",
    "image": "the image is pulled",
    "start": "the container starts and stays up",
    "readiness": "pods become ready",
}
SERVICE = {
    "selector": "the Service selects the pods",
    "ports": "its ports lead to ports of the pods",
    "endpoints": "ready pods are behind it",
    "answer": "the Service answers",
}
PROMETHEUS = {
    "prometheus": "Prometheus answers",
    "scrape-target": "it knows the pods",
    "scrape": "it reaches their metrics",
    "query": "its queries find the release",
}
METRICS_API = {"metrics-api": "the metrics API is served", "pod-metrics": "it knows the pods' use"}
AUTOSCALER = {
    "keda": "KEDA's ScaledObject is ready",
    "hpa": "an HPA scales the Deployment",
    "hpa-alone": "no other HPA has the same pods",
    "hpa-scale": "the HPA can change the replicas",
    "hpa-metrics": "the HPA has figures to go by",
    "hpa-maximum": "the HPA is below its maximum",
}
AFTERMATH = {"throttling": "the CPU limit holds nobody back", "events": "no event warns of anything else"}
LINKS: Mapping[str, str] = {
    **CLUSTER, **PODS, **SERVICE, **PROMETHEUS, **METRICS_API, **AUTOSCALER, **AFTERMATH
}  # fmt: skip

FORBIDDEN = (401, 403)  # what is not ours to read is not broken


class Health(StrEnum):
    """What a link is."""

    SOUND = "sound"
    WARNING = "warning"
    BROKEN = "broken"
    UNKNOWN = "not looked at"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one link.

    Attributes:
        link: Its name, a key of `LINKS`.
        health: What it is.
        found: What was seen, in words, with numbers.
        remedy: What to do, as exactly as it can be said; empty where nothing is to be done.
    """

    link: str
    health: Health
    found: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose chain it is, and when it was looked at.

    Attributes:
        model: The model's name, as people type it.
        release: Name of the Helm release.
        namespace: Its namespace.
        address: Its cluster.
        now: Seconds since the epoch.
    """

    model: str
    release: str
    namespace: str
    address: ClusterAddress
    now: float

    @property
    def local(self) -> str:
        """Name of the cluster if ekiben made it on this machine; else empty."""
        name = self.address.context.removeprefix("ekiben-")
        return "" if name == self.address.context else name

    def kubectl(self, *words: str, everywhere: bool = False) -> str:
        """Write a kubectl command on this cluster, in this namespace unless `everywhere`."""
        file = self.address.kubeconfig
        place = ["--kubeconfig", str(file)] if file else ["--context", self.address.context]
        space = [] if everywhere else ["-n", self.namespace]
        return shlex.join(["kubectl", *place, *space, *words])


@dataclass(frozen=True, slots=True)
class Checkup:
    """The chain of one release, as far as it was walked.

    Attributes:
        at: When, ISO 8601 with offset.
        context: The cluster's context.
        namespace: Of the release.
        release: Its name; empty if the cluster alone was looked at.
        findings: In the order of the chain; a broken one is the last.
    """

    at: str
    context: str
    namespace: str
    release: str
    findings: tuple[Finding, ...]

    @property
    def broken(self) -> Finding | None:
        """The first broken link; None if none is."""
        return next((one for one in self.findings if one.health is Health.BROKEN), None)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What works, but not for long or not well."""
        return tuple(one for one in self.findings if one.health is Health.WARNING)

    @property
    def behind(self) -> tuple[str, ...]:
        """Links behind the broken one: nobody looked at them."""
        if self.broken is None:
            return ()
        names = list(LINKS)
        return tuple(names[names.index(self.broken.link) + 1 :])

    def to_json(self) -> dict[str, Any]:
        """Give everything as JSON types."""
        broken = self.broken
        found: dict[str, Any] = jsonable(self)
        return {
            **found,
            "sound": broken is None,
            "broken": broken.link if broken else None,
            "warnings": [one.link for one in self.warnings],
            "not_looked_at": [
                *(one.link for one in self.findings if one.health is Health.UNKNOWN), *self.behind
            ],
        }  # fmt: skip


def sound(link: str, found: str) -> Finding:
    """A link that is as it should be."""
    return Finding(link, Health.SOUND, found)


def warning(link: str, found: str, remedy: str = "") -> Finding:
    """A link that holds, but not for long or not well."""
    return Finding(link, Health.WARNING, found, remedy)


def broken(link: str, found: str, remedy: str) -> Finding:
    """A link that does not hold: nothing behind it can be judged."""
    return Finding(link, Health.BROKEN, found, remedy)


def unknown(link: str, found: str, remedy: str = "") -> Finding:
    """A link that nobody looked at, and why."""
    return Finding(link, Health.UNKNOWN, found, remedy)


def counted(number: int, what: str) -> str:
    """Write a number of things: `1 pod`, `3 pods`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
