"""Walks the chain group by group: reads, judges, and stops at the first broken link."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from ekiben.clients.prometheus import PrometheusError
from ekiben.config import ModelConfig
from ekiben.diagnosis.doctor import (
    aftermath,
    autoscaler,
    metrics_api,
    pods,
    reading,
    scraping,
    service,
)
from ekiben.diagnosis.doctor.link import (
    FORBIDDEN,
    Checkup,
    Finding,
    Health,
    Subject,
    broken,
    sound,
    unknown,
)
from ekiben.diagnosis.doctor.reading import Metrics, View
from ekiben.diagnosis.opened import opened
from ekiben.errors import ClusterError
from ekiben.identifiers import ClusterAddress

AGAIN_SECONDS = 3.0  # from a first look that shows a break to the second


def doctor(
    config: ModelConfig,
    address: ClusterAddress,
    *,
    namespace: str,
    cluster: View | None = None,
    prometheus: Metrics | None = None,
    now: Callable[[], float] = time.time,
    pause: Callable[[float], None] = time.sleep,
) -> Checkup:
    """Look at one release.

    Pods come and go between two questions: what looks broken is looked at once more before it is said.

    Args:
        config: The model's `ekiben.yaml`.
        address: Its cluster.
        namespace: Its namespace.
        cluster: An open cluster; None opens `address` for this call.
        prometheus: An open Prometheus; None opens that of `ekiben.yaml` or of `address`, if any.
        now: Seconds since the epoch.
        pause: Waits for so many seconds before the second look.

    Raises:
        ClusterError: There is no such context.
    """
    url = config.observe.prometheus_url or address.prometheus_url
    with opened(address, url, cluster, prometheus) as (view, metrics):

        def look() -> Checkup:
            subject = Subject(config.model, config.release_name, namespace, address, now())
            return _checkup(subject, _until_broken(_chain(subject, config, view, metrics)))

        found = look()
        if found.broken is not None:
            pause(AGAIN_SECONDS)
            found = look()
    return found


def ground(
    address: ClusterAddress,
    *,
    cluster: View | None = None,
    prometheus: Metrics | None = None,
    now: Callable[[], float] = time.time,
) -> Checkup:
    """Look at what every release needs: the API server, Prometheus, the metrics API.

    Args:
        address: The cluster.
        cluster: As for `doctor`.
        prometheus: An open Prometheus; None opens that of `address`, if any.
        now: Seconds since the epoch.

    Raises:
        ClusterError: There is no such context.
    """
    subject = Subject("", "", "", address, now())
    with opened(address, address.prometheus_url, cluster, prometheus) as (view, metrics):
        return _checkup(subject, _until_broken(_ground(subject, view, metrics)))


def _checkup(subject: Subject, found: Iterator[Finding]) -> Checkup:
    at = datetime.fromtimestamp(subject.now, UTC).isoformat(timespec="seconds")
    return Checkup(at, subject.address.context, subject.namespace, subject.release, tuple(found))


def _until_broken(findings: Iterable[Finding]) -> Iterator[Finding]:
    for one in findings:
        yield one
        if one.health is Health.BROKEN:
            return


def _ground(subject: Subject, view: View, metrics: Metrics | None) -> Iterator[Finding]:
    yield _reached(subject, view)
    if metrics is None:
        why = "the address of Prometheus is not known"
        yield unknown("prometheus", why, "set `observe.prometheus_url` in ekiben.yaml")
    else:
        try:
            metrics.targets()
        except PrometheusError as error:
            yield scraping.silent(subject, metrics.url, str(error))
        yield sound("prometheus", metrics.url)
    yield from _allowed(("metrics-api",), lambda: _metrics_api(subject, view))


def _metrics_api(subject: Subject, view: View) -> Iterator[Finding]:
    found = view.api_service(metrics_api.NAME)
    yield metrics_api.served(subject, found, reading.behind(view, found))


def _chain(subject: Subject, config: ModelConfig, view: View, metrics: Metrics | None) -> Iterator[Finding]:
    """Every link; each group is read when the one before it has held."""
    yield _reached(subject, view)
    deployment = view.deployment(subject.namespace, subject.release)
    if deployment is None:
        yield broken(
            "release",
            f"there is no Deployment {subject.namespace}/{subject.release}",
            f"release it: `ekiben release {subject.model}`, or give its namespace with -n",
        )
        return
    yield sound("release", f"Deployment {subject.namespace}/{subject.release}")
    seen = reading.pods(view, subject, deployment)
    yield from pods.judge(subject, seen)
    exposed = reading.exposed(view, subject)
    yield from service.judge(subject, seen, exposed)
    window = config.observe.window_seconds
    scraped = reading.scraped(view, metrics, subject, exposed.service, window)
    yield from scraping.judge(subject, seen, scraped)
    scaled = reading.scaled(view, metrics, subject, config)
    yield from _allowed(
        ("metrics-api", "pod-metrics"),
        lambda: metrics_api.judge(subject, seen, reading.metered(view, subject, seen, scaled)),
    )
    yield from autoscaler.judge(subject, seen, scaled)
    yield from aftermath.judge(subject, seen, reading.slowed(metrics, subject))


def _reached(subject: Subject, view: View) -> Finding:
    try:
        version = view.version()
    except ClusterError as error:
        local = f"ekiben cluster up --name {subject.local}" if subject.local else error.remedy
        return broken("api-server", str(error), local)
    return sound("api-server", f"{subject.address.context}, Kubernetes {version}")


def _allowed(links: tuple[str, ...], judge: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """What is cluster-wide may not be ours to read: that is no break of the chain."""
    try:
        yield from judge()
    except ClusterError as error:
        if error.status not in FORBIDDEN:
            raise
        yield from (unknown(name, str(error)) for name in links)
