"""The text of queries."""

from __future__ import annotations

import re

import pytest

from ekiben.errors import ConfigError
from ekiben.observe import queries
from ekiben.observe.queries import Scope
from ekiben.serving import metrics

SCOPE = Scope("models", "iris", window_seconds=90)
ALL = {
    name: getattr(queries, name)(SCOPE)
    for name in (
        "request_rate", "arrivals_rate", "predictions_rate", "error_ratio", "in_progress",
        "request_rate_per_pod", "cpu_per_pod", "serving_replicas",
    )
} | {"latency_quantile": queries.latency_quantile(SCOPE, 0.99)}  # fmt: skip


def test_the_request_rate_reads_as_people_would_write_it() -> None:
    """The whole text of one query."""
    assert ALL["request_rate"] == (
        "sum(rate(http_server_request_duration_seconds_count"
        '{namespace="models",release="iris",http_route="/predict"}[90s]))'
    )


@pytest.mark.parametrize("query", ALL.values(), ids=ALL)
def test_every_name_is_in_the_contract(query: str) -> None:
    """Each metric and label of a query is declared, or is Prometheus' or cAdvisor's own."""
    suffixes = ("", "_count", "_bucket", "_sum")
    declared = {metric.name + suffix for metric in metrics.CONTRACT for suffix in suffixes}
    named = set(re.findall(r"([a-z_]+)\{", query))
    assert named
    assert named <= declared | {"up", "container_cpu_usage_seconds_total"}
    labels = set(re.findall(r"[{,]([a-z_]+)(?:=|!=)", query))
    of_contract = {label for metric in metrics.CONTRACT for label in metric.labels}
    assert labels <= of_contract | {"namespace", "release", "pod", "container"}


@pytest.mark.parametrize("query", ALL.values(), ids=ALL)
def test_the_window_is_the_scopes(query: str) -> None:
    """No query has a window of its own."""
    assert set(re.findall(r"\[(.*?)\]", query)) <= {"90s"}


@pytest.mark.parametrize("share", [0.0, 1.0, 99.0, float("nan")])
def test_a_quantile_is_a_ratio(share: float) -> None:
    """Percent and bounds are refused."""
    with pytest.raises(ConfigError):
        queries.latency_quantile(SCOPE, share)


def test_wrong_scopes_and_labels_are_refused() -> None:
    """A window of 0 and a label that is none give a ConfigError."""
    with pytest.raises(ConfigError):
        Scope("models", "iris", window_seconds=0)
    with pytest.raises(ConfigError):
        queries.selector("up", **{"a-b": "c"})
