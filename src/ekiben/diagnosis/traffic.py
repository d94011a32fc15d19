"""What Prometheus knows of one release now; each figure that is not there is noted with its reason."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ekiben.clients.prometheus import PrometheusError, Value
from ekiben.config import ModelConfig
from ekiben.errors import NoDataError
from ekiben.observe import queries


class Metrics(Protocol):
    """What is asked of Prometheus (`clients.prometheus.Prometheus` is one)."""

    def values(self, query: str, *, at: float | None = None) -> tuple[Value, ...]:
        """Evaluate at one time; raises NoDataError without data."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """The figures that `Status` takes from Prometheus, under its names; None is not known."""

    request_rate: float | None = None
    arrivals_rate: float | None = None
    predictions_rate: float | None = None
    in_progress: float | None = None
    error_ratio: float | None = None
    latency_p50_seconds: float | None = None
    latency_p95_seconds: float | None = None
    latency_p99_seconds: float | None = None
    cpu_cores: Mapping[str, float] = field(default_factory=dict)

    def fields(self) -> dict[str, Any]:
        """Give the figures by name."""
        return {one.name: getattr(self, one.name) for one in dataclasses.fields(self)}


def read(prometheus: Metrics, config: ModelConfig, namespace: str, notes: list[str]) -> Traffic:
    """Ask for every figure.

    Args:
        prometheus: Whom.
        config: The model's `ekiben.yaml`; its window is used.
        namespace: Namespace of the release.
        notes: Gets a line for what is not there.
    """
    window = config.observe.window_seconds
    scope = queries.Scope(namespace, config.release_name, window_seconds=window)
    single = {
        "request_rate": queries.request_rate(scope),
        "arrivals_rate": queries.arrivals_rate(scope),
        "predictions_rate": queries.predictions_rate(scope),
        "in_progress": queries.in_progress(scope),
        "error_ratio": queries.error_ratio(scope),
        "latency_p50_seconds": queries.latency_quantile(scope, 0.5),
        "latency_p95_seconds": queries.latency_quantile(scope, 0.95),
        "latency_p99_seconds": queries.latency_quantile(scope, 0.99),
    }
    found: dict[str, Any] = {}
    try:
        for name, query in single.items():
            found[name] = _one(prometheus, query)
        found["cpu_cores"] = _by_pod(prometheus, queries.cpu_per_pod(scope))
    except PrometheusError as error:
        notes.append(f"no rate, errors or latency: {error}")
        return Traffic()
    notes += _missing(found, window)
    return Traffic(**found)


def _one(prometheus: Metrics, query: str) -> float | None:
    try:
        return prometheus.values(query)[0].value
    except PrometheusError:
        raise
    except NoDataError:
        return None


def _by_pod(prometheus: Metrics, query: str) -> dict[str, float]:
    try:
        found = prometheus.values(query)
    except PrometheusError:
        raise
    except NoDataError:
        return {}
    return {
        one.labels.get("pod", ""): one.value for one in sorted(found, key=lambda v: v.labels.get("pod", ""))
    }


def _missing(found: Mapping[str, Any], window: int) -> list[str]:
    if found["request_rate"] is None:
        why = "its pods are new, or are not scraped"
        return [f"Prometheus has no requests of this release in the last {window} s: {why}"]
    notes = []
    if found["error_ratio"] is None:
        notes.append(f"no error ratio and no latency: no request was answered in the last {window} s")
    if not found["cpu_cores"]:
        notes.append("no CPU use by replica: Prometheus has no cAdvisor figures of these pods")
    return notes
