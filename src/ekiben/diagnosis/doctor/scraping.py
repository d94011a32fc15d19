"""The links from the pods to a query: Prometheus, its targets, their health, what it answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from ekiben.clients.facts.exposure import Monitor, Service
from ekiben.clients.facts.workload import Replica
from ekiben.clients.prometheus import Target
from ekiben.diagnosis.doctor.link import PROMETHEUS, Finding, Subject, broken, counted, sound, unknown
from ekiben.diagnosis.doctor.pods import Pods, aged

# A pod that was ready for so long has been discovered and scraped, at the usual intervals of up to 30 s.
KNOWN_SECONDS = 60.0
_SCRAPE, _PORT = "prometheus.io/scrape", "prometheus.io/port"


@dataclass(frozen=True, slots=True)
class Scraped:
    """What this group is judged by.

    Attributes:
        url: Where Prometheus is; empty if nobody said.
        targets: What it scrapes; None if it was not reached.
        silence: Why it was not reached.
        serving: Pods of the release that it has series of; None for no data.
        rate: Answered requests per second; None for no data.
        monitors: ServiceMonitors and PodMonitors of the release.
        service: The release's Service.
    """

    url: str
    targets: tuple[Target, ...] | None = None
    silence: str = ""
    serving: float | None = None
    rate: float | None = None
    monitors: tuple[Monitor, ...] = ()
    service: Service | None = None


def judge(subject: Subject, pods: Pods, facts: Scraped) -> Iterator[Finding]:
    """Judge these links, in their order."""
    if not facts.url:
        why = "the address of Prometheus is not known"
        yield from (unknown(name, why, "set `observe.prometheus_url` in ekiben.yaml") for name in PROMETHEUS)
        return
    if facts.targets is None:
        yield silent(subject, facts.url, facts.silence)
        return
    yield sound("prometheus", facts.url)
    ours = {
        pod.name: [t for t in facts.targets if (t.namespace, t.pod) == (subject.namespace, pod.name)]
        for pod in pods.serving
    }
    known = aged(pods.serving, subject.now, KNOWN_SECONDS)
    yield _found(subject, pods, facts, ours, known)
    yield _reached(subject, pods, ours, known)
    yield _queried(subject, facts, ours, known)


def silent(subject: Subject, url: str, why: str) -> Finding:
    """Prometheus that does not answer."""
    local = subject.local if subject.address.prometheus_url == url else ""
    mend = f"ekiben cluster up --name {local}" if local else "set `observe.prometheus_url`, or bring it back"
    return broken("prometheus", why, mend)


def _found(
    subject: Subject,
    pods: Pods,
    facts: Scraped,
    ours: Mapping[str, list[Target]],
    known: tuple[Replica, ...],
) -> Finding:
    missing = [pod for pod in known if not ours[pod.name]]
    there = f"ready pods that are targets: {sum(map(bool, ours.values()))} of {len(ours)}"
    if not missing:
        return sound("scrape-target", there + ("" if all(ours.values()) else "; the others are too new"))
    for monitor in facts.monitors:
        why = _monitor(monitor, pods, facts.service)
        if why:
            return broken("scrape-target", f"{there}: {why}", f"ekiben release {subject.model}")
    if facts.monitors:
        names = ", ".join(f"{one.kind} {one.name}" for one in facts.monitors)
        labels = ",".join(f"{key}={value}" for key, value in facts.monitors[0].labels.items())
        return broken(
            "scrape-target",
            f"{there}: the {names} fits the release, but Prometheus does not take it ({labels})",
            "give it the labels that Prometheus selects by (`serviceMonitor.labels`): "
            + subject.kubectl("get", "prometheus", "-A", "-o", "yaml", everywhere=True),
        )
    return _annotated(subject, there, missing[0])


def _annotated(subject: Subject, there: str, pod: Replica) -> Finding:
    """Without monitors, annotations of the pods tell Prometheus of them."""
    value = pod.annotations.get(_SCRAPE)
    if value != "true":
        selector = f"app.kubernetes.io/instance={subject.release}"
        has = "no annotation" if value is None else f"the annotation {value!r} for"
        return broken(
            "scrape-target",
            f"{there}: {pod.name} has {has} {_SCRAPE}, expected 'true'",
            subject.kubectl("annotate", "pods", "-l", selector, "--overwrite", f"{_SCRAPE}=true")
            + f"   # and for good: `scrape.enabled`, `ekiben release {subject.model}`",
        )
    return broken(
        "scrape-target",
        f"{there}: {pod.name} carries {_SCRAPE}=true, but this Prometheus does not look for it",
        "let it discover pods by that annotation, or switch on `podMonitor.enabled`",
    )


def _monitor(monitor: Monitor, pods: Pods, service: Service | None) -> str:
    """Why a monitor misses the release; empty if it does not."""
    by_service = monitor.kind == "ServiceMonitor"
    labels = (service.labels if service else {}) if by_service else pods.deployment.labels
    wrong = [f"{key}={value}" for key, value in (monitor.selector or {}).items() if labels.get(key) != value]
    what = "Service" if by_service else "pods"
    if wrong:
        return f"the {monitor.kind} {monitor.name} selects {', '.join(wrong)}, which the {what} do not have"
    ports = (
        {port.name for port in service.ports}
        if by_service and service
        else {name for one in pods.deployment.containers for name in one.ports}
    )
    lost = [port for port in monitor.ports if port not in ports]
    if lost:
        return f"the {monitor.kind} {monitor.name} scrapes the port {', '.join(lost)}, the {what} have none"
    return ""


def _reached(
    subject: Subject, pods: Pods, ours: Mapping[str, list[Target]], known: tuple[Replica, ...]
) -> Finding:
    up = [name for name, targets in ours.items() if any(one.health == "up" for one in targets)]
    there = f"ready pods that are scraped: {len(up)} of {len(ours)}"
    for pod in known:
        if pod.name in up:
            continue
        target = ours[pod.name][0]
        ports = {name: number for one in pods.deployment.containers for name, number in one.ports.items()}
        right, asked = ports.get("metrics", ports.get("http")), urlsplit(target.url).port
        if right is not None and asked != right:
            selector = f"app.kubernetes.io/instance={subject.release}"
            return broken(
                "scrape",
                f"{there}: {target.url} is asked, but the metrics of {pod.name} are on port {right} "
                f"({target.error})",
                subject.kubectl("annotate", "pods", "-l", selector, "--overwrite", f"{_PORT}={right}")
                + f"   # and for good: `ekiben release {subject.model}`",
            )
        return broken(
            "scrape",
            f"{there}: {target.url} is {target.health}: {target.error or 'not scraped yet'}",
            "does a NetworkPolicy keep Prometheus out (`networkPolicy.monitoring`)? "
            + subject.kubectl("describe", "networkpolicy"),
        )
    return sound("scrape", there + ("" if len(up) == len(ours) else "; the others are too new"))


def _queried(
    subject: Subject, facts: Scraped, ours: Mapping[str, list[Target]], known: tuple[Replica, ...]
) -> Finding:
    if facts.serving is not None and (facts.rate is not None or not known):
        rate = "no rate yet" if facts.rate is None else f"{facts.rate:.1f} requests/s"
        return sound("query", f"series of {counted(round(facts.serving), 'pod')}, {rate}")
    if not known:
        return sound("query", "its pods are too new for series")
    labels = next((one.labels for targets in ours.values() for one in targets), {})
    wanted = {"namespace": subject.namespace, "release": subject.release}
    wrong = [
        f"{key}={value} (found {labels.get(key) or 'none'})"
        for key, value in wanted.items()
        if labels.get(key) != value
    ]
    why = f"the targets lack {', '.join(wrong)}" if wrong else "the pods are scraped, but give no such series"
    return broken(
        "query",
        f"{counted(len(ours), 'pod')} scraped, but no query finds them by namespace and release: {why}",
        "relabel them as the chart's ServiceMonitor does: release is the pods' app.kubernetes.io/instance",
    )
