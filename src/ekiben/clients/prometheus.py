"""Prometheus' HTTP API: instant and range queries as values; absence is an error, never a zero.

Source: https://prometheus.io/docs/prometheus/latest/querying/api/
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from ekiben.errors import ConfigError, NoDataError

_OK = 200
_T = TypeVar("_T")
_MOST_POINTS = 11_000  # Prometheus refuses more per series


class PrometheusError(NoDataError):
    """Prometheus was not reached, or refused the query."""


@dataclass(frozen=True, slots=True)
class Value:
    """One series' value at one time.

    Attributes:
        labels: Of the series.
        value: A finite number.
    """

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Series:
    """One series over time.

    Attributes:
        labels: Of the series.
        points: (seconds since the epoch, value), ascending; times without a finite value are left out.
    """

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Target:
    """One address that Prometheus scrapes.

    Attributes:
        namespace: Of the pod behind it; empty if there is none.
        pod: Name of the pod behind it; empty if there is none.
        url: What is asked.
        health: up, down, or unknown before the first scrape.
        error: Why the last scrape failed; empty if it did not.
        labels: Of all its series.
    """

    namespace: str
    pod: str
    url: str
    health: str
    error: str
    labels: Mapping[str, str]


class Prometheus:
    """One Prometheus. Close it, or use it in a `with`.

    Args:
        url: Where it is, `http[s]://host[:port][/prefix]`.
        timeout_seconds: Longest wait for one answer, seconds.
        token: Bearer token; empty if it wants none. Never shown.

    Raises:
        ConfigError: Not such a URL.
    """

    def __init__(self, url: str, *, timeout_seconds: float = 5.0, token: str = "") -> None:
        import urllib3

        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(
                f"expected Prometheus as http[s]://host[:port], found {url!r}",
                remedy="set `observe.prometheus_url` in ekiben.yaml",
            )
        self.url = url.rstrip("/")
        self._timeout = urllib3.Timeout(connect=min(2.0, timeout_seconds), read=timeout_seconds)
        headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        self._pool = urllib3.PoolManager(headers=headers, retries=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._pool.clear()

    def values(self, query: str, *, at: float | None = None) -> tuple[Value, ...]:
        """Evaluate at one time.

        Args:
            query: PromQL that gives a vector or a scalar.
            at: Seconds since the epoch; None is Prometheus' own now.

        Returns:
            One value per series, at least one; NaN and infinities are left out.

        Raises:
            NoDataError: No series, or none with a number.
            PrometheusError: Not reached, or refused.
        """
        found = self._ask("query", {"query": query} | ({} if at is None else {"time": f"{at:.3f}"}))
        if found.get("resultType") == "scalar":
            rows: Sequence[Any] = [{"metric": {}, "value": found["result"]}]
        else:
            rows = found["result"]
        read = tuple(Value(row["metric"], float(row["value"][1])) for row in rows if "value" in row)
        return self._some(tuple(one for one in read if math.isfinite(one.value)), query)

    def value(self, query: str, *, at: float | None = None) -> float:
        """Evaluate to exactly one number.

        Raises:
            NoDataError: No number, or more than one.
            PrometheusError: Not reached, or refused.
        """
        found = self.values(query, at=at)
        if len(found) > 1:
            raise NoDataError(f"expected one series of {query}, found {len(found)}")
        return found[0].value

    def series(self, query: str, *, begin: float, end: float, step_seconds: float) -> tuple[Series, ...]:
        """Evaluate over time.

        Args:
            query: PromQL.
            begin: First time, seconds since the epoch.
            end: Last time, seconds since the epoch.
            step_seconds: Distance of the points, seconds.

        Returns:
            One or more series, each with at least one point.

        Raises:
            ConfigError: The range is empty or has too many points.
            NoDataError: No series with a number.
            PrometheusError: Not reached, or refused.
        """
        if not (step_seconds > 0 and end >= begin and (end - begin) / step_seconds < _MOST_POINTS):
            raise ConfigError(
                f"expected a range of at most {_MOST_POINTS} points, found {begin} to {end} by {step_seconds}"
            )
        fields = {"start": f"{begin:.3f}", "end": f"{end:.3f}", "step": f"{step_seconds:g}"}
        return self._matrix(self._ask("query_range", {"query": query} | fields), query)

    def samples(self, selector: str, *, at: float | None = None) -> tuple[Series, ...]:
        """Give samples as they were scraped.

        Args:
            selector: A range of series, `name{...}[5m]`.
            at: End of the range, seconds since the epoch; None is Prometheus' own now.

        Returns:
            One or more series, each with at least one point.

        Raises:
            NoDataError: No series with a number.
            PrometheusError: Not reached, or refused.
        """
        fields = {"query": selector} | ({} if at is None else {"time": f"{at:.3f}"})
        return self._matrix(self._ask("query", fields), selector)

    def _matrix(self, found: Mapping[str, Any], query: str) -> tuple[Series, ...]:
        read = (Series(row["metric"], _points(row["values"])) for row in found["result"] if "values" in row)
        return self._some(tuple(one for one in read if one.points), query)

    def _some(self, found: tuple[_T, ...], query: str) -> tuple[_T, ...]:
        if not found:
            raise NoDataError(
                f"expected data for {query}, found none in {self.url}",
                remedy="is there traffic, and are the pods scraped? open /targets of that Prometheus",
            )
        return found

    def targets(self) -> tuple[Target, ...]:
        """Return what it scrapes, or tries to.

        Raises:
            PrometheusError: Not reached, or refused.
        """
        found = self._ask("targets", {"state": "active"}, method="GET")
        return tuple(_target(one) for one in found.get("activeTargets") or ())

    def _ask(self, path: str, fields: Mapping[str, str], *, method: str = "POST") -> dict[str, Any]:
        from urllib3.exceptions import HTTPError

        sent: dict[str, Any] = {"encode_multipart": False} if method == "POST" else {}
        try:
            answer = self._pool.request(
                method, f"{self.url}/api/v1/{path}", fields=dict(fields), timeout=self._timeout, **sent
            )
        except HTTPError as error:
            raise PrometheusError(
                f"expected Prometheus at {self.url}, not reached: {_reason(error)}",
                remedy="is it up? `ekiben cluster status` tells of a local one",
            ) from error
        try:
            document = json.loads(answer.data)
            if answer.status == _OK and document["status"] == "success":
                return dict(document["data"])
            why = document["error"]
        except (ValueError, KeyError, TypeError):
            why = answer.data[:200].decode(errors="replace")
        asked = fields.get("query", path)
        raise PrometheusError(f"{self.url} refused {asked}: status {answer.status}: {why}")


def _target(one: Mapping[str, Any]) -> Target:
    labels, found = one.get("labels") or {}, one.get("discoveredLabels") or {}
    return Target(
        labels.get("namespace") or found.get("__meta_kubernetes_namespace", ""),
        found.get("__meta_kubernetes_pod_name") or labels.get("pod", ""),
        one.get("scrapeUrl", ""),
        one.get("health", "unknown"),
        one.get("lastError", ""),
        labels,
    )


def _points(rows: Sequence[Sequence[Any]]) -> tuple[tuple[float, float], ...]:
    read = ((float(time), float(text)) for time, text in rows)
    return tuple((time, value) for time, value in read if math.isfinite(value))


def _reason(error: Exception) -> str:
    """The cause without urllib3's own objects."""
    text = str(getattr(error, "reason", None) or error)
    return text.partition("): ")[2] or text
