"""`status`: one release as the cluster and Prometheus see it now; what cannot be known is said, never 0."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ekiben.clients import cluster as clusters
from ekiben.clients.prometheus import Prometheus
from ekiben.config import ModelConfig
from ekiben.diagnosis import deployed, traffic
from ekiben.diagnosis.deployed import History, Replicas, View
from ekiben.diagnosis.traffic import Metrics, Traffic
from ekiben.identifiers import ClusterAddress, ImageReference, ModelTag, Revision
from ekiben.jsonable import jsonable


@dataclass(frozen=True, slots=True)
class Status:
    """One release, now. None is "not known", and a note says why.

    Attributes:
        at: When, ISO 8601 with offset.
        context: The cluster's context.
        release: Name of the Helm release.
        namespace: Its namespace.
        revision: Helm's newest revision.
        helm_status: Helm's word for it, e.g. deployed.
        model: Model tag inside, from the record of the verified release.
        image: Image by digest, from the same.
        artefact_sha256: Hash of the artefact inside, from the same.
        verified_at: When this revision was verified, ISO 8601; None if it never was.
        verified_by: Who released it.
        replicas: How many.
        running: Ready pods by the digest that they run.
        window_seconds: Window of rates and quantiles, seconds.
        request_rate: Answered requests per second, `/predict` only.
        arrivals_rate: The same, counted at receipt.
        predictions_rate: Rows predicted per second.
        in_progress: Requests being handled now.
        error_ratio: Share of requests with 5xx, or whose client had gone, 0-1.
        latency_p50_seconds: Median request duration, measured in the pods, seconds.
        latency_p95_seconds: 95th percentile.
        latency_p99_seconds: 99th percentile.
        cpu_cores: CPU use by pod, cores.
        cpu_percent: Mean CPU use that the HPA saw, % of the request.
        cpu_target_percent: What the HPA steers to, % of the request, by `ekiben.yaml`.
        autoscaling: What the HPA does, in words.
        notes: What is missing or wrong, in words.
    """

    at: str
    context: str
    release: str
    namespace: str
    revision: Revision | None = None
    helm_status: str | None = None
    model: ModelTag | None = None
    image: ImageReference | None = None
    artefact_sha256: str | None = None
    verified_at: str | None = None
    verified_by: str | None = None
    replicas: Replicas | None = None
    running: Mapping[str, int] = field(default_factory=dict)
    window_seconds: int = 60
    request_rate: float | None = None
    arrivals_rate: float | None = None
    predictions_rate: float | None = None
    in_progress: float | None = None
    error_ratio: float | None = None
    latency_p50_seconds: float | None = None
    latency_p95_seconds: float | None = None
    latency_p99_seconds: float | None = None
    cpu_cores: Mapping[str, float] = field(default_factory=dict)
    cpu_percent: int | None = None
    cpu_target_percent: int | None = None
    autoscaling: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Give everything as JSON types."""
        found: dict[str, Any] = jsonable(self)
        return found


def status(
    config: ModelConfig,
    address: ClusterAddress,
    *,
    namespace: str,
    cluster: View | None = None,
    helm: History | None = None,
    prometheus: Metrics | None = None,
    now: Callable[[], float] = time.time,
) -> Status:
    """Read one release.

    Args:
        config: The model's `ekiben.yaml`.
        address: Its cluster.
        namespace: Its namespace.
        cluster: An open cluster; None opens `address` for this call.
        helm: Helm at it; None takes ours, and notes if there is none.
        prometheus: An open Prometheus; None opens that of `ekiben.yaml` or of `address`, if any.
        now: Seconds since the epoch.

    Raises:
        ClusterError: The cluster cannot be asked, or holds no such release.
    """
    notes: list[str] = []
    with ExitStack() as stack:
        view = cluster or stack.enter_context(clusters.connect(address.kubeconfig, address.context))
        release = deployed.read(config, address, namespace, view, helm, notes)
        metrics = prometheus or _prometheus(config, address, stack, notes)
        seen = traffic.read(metrics, config, namespace, notes) if metrics else Traffic()
    return Status(
        at=datetime.fromtimestamp(now(), UTC).isoformat(timespec="seconds"),
        context=address.context,
        release=config.release_name,
        namespace=namespace,
        window_seconds=config.observe.window_seconds,
        cpu_target_percent=config.scale.target_cpu_percent,
        notes=tuple(notes),
        **release,
        **seen.fields(),
    )


def _prometheus(
    config: ModelConfig, address: ClusterAddress, stack: ExitStack, notes: list[str]
) -> Prometheus | None:
    url = config.observe.prometheus_url or address.prometheus_url
    if not url:
        notes.append(
            "no rate, errors or latency: the address of Prometheus is not known "
            "(set `observe.prometheus_url` in ekiben.yaml)"
        )
        return None
    return stack.enter_context(Prometheus(url))
