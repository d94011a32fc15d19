"""The links from the pods' use to the HPA: the metrics API, and what it knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ekiben.clients.facts.scaling import ApiService, PodUsage
from ekiben.clients.facts.workload import Deployment
from ekiben.diagnosis.doctor.link import METRICS_API, Finding, Subject, broken, sound, unknown
from ekiben.diagnosis.doctor.pods import Pods, aged

NAME = "v1beta1.metrics.k8s.io"
# metrics-server needs two scrapes of a pod, 15 s apart by default; the kubelet's figures are up to 15 s old.
KNOWN_SECONDS = 75.0
_STALE_SECONDS = 180.0
_INSTALL = (
    "kubectl apply -f "
    "https://github.com/kubernetes-sigs/metrics-server/releases/latest/download/components.yaml"
)


@dataclass(frozen=True, slots=True)
class Metered:
    """What this group is judged by.

    Attributes:
        service: The APIService of the metrics API; None if there is none.
        usages: What it says of the release's pods; None if it was not asked or did not answer.
        silence: Why it did not answer.
        behind: The Deployment behind it; None if it was not looked at.
        read: An HPA of the release reads it.
    """

    service: ApiService | None
    usages: tuple[PodUsage, ...] | None = None
    silence: str = ""
    behind: Deployment | None = None
    read: bool = True


def judge(subject: Subject, pods: Pods, facts: Metered) -> Iterator[Finding]:
    """Judge these links, in their order."""
    if not facts.read:
        yield from (unknown(name, "no HPA of this release reads it") for name in METRICS_API)
        return
    yield served(subject, facts.service, facts.behind)
    if facts.usages is None:
        yield broken("pod-metrics", facts.silence, _restart(subject))
        return
    known = {one.pod: one for one in facts.usages}
    serving = aged(pods.serving, subject.now, KNOWN_SECONDS)
    there = (
        f"ready pods that it knows: {sum(pod.name in known for pod in pods.serving)} of {len(pods.serving)}"
    )
    missing = [pod.name for pod in serving if pod.name not in known]
    if missing:
        yield broken("pod-metrics", f"{there}; missing: {', '.join(missing)}", _restart(subject))
        return
    oldest = max([0.0, *(subject.now - known[pod.name].at for pod in serving)])
    if oldest > _STALE_SECONDS:
        yield broken("pod-metrics", f"its figures are {oldest:.0f} s old", _restart(subject))
        return
    yield sound("pod-metrics", there + (f", {oldest:.0f} s ago" if serving else ""))


def served(subject: Subject, service: ApiService | None, behind: Deployment | None = None) -> Finding:
    """Whether the metrics API is there and reached."""
    if service is None:
        return broken(
            "metrics-api",
            f"there is no APIService {NAME}: metrics-server is not installed",
            f"ekiben cluster up --name {subject.local}" if subject.local else _INSTALL,
        )
    if not service.available:
        backend = service.backend or "its backend"
        return broken(
            "metrics-api",
            f"the API server does not reach {backend}: {service.reason}: {service.message}",
            _start(subject, service.backend)
            if behind is not None and behind.wanted == 0
            else _restart(subject, service.backend),
        )
    return sound("metrics-api", f"by {service.backend}" if service.backend else "by the API server")


def _start(subject: Subject, backend: str) -> str:
    space, _, name = backend.partition("/")
    return subject.kubectl("-n", space, "scale", f"deployment/{name}", "--replicas=1", everywhere=True)


def _restart(subject: Subject, backend: str = "") -> str:
    space, _, name = (backend or "kube-system/metrics-server").partition("/")
    return subject.kubectl("-n", space, "rollout", "restart", f"deployment/{name}", everywhere=True)
