"""The demand metric: how many replicas the arrivals of a release need, as recording rules.

    demand = (arrivals + slope x lag + noise margin) / target

`arrivals` are counted at receipt, before anything can refuse them, so their sum over pods does not depend on
the number of pods; `slope` looks ahead by the lag, only where it is told from noise; the margin covers what a
rate over a short window can miss. An autoscaler reads it with the target 1 per replica (external metric,
AverageValue) and tolerance 0.

Without samples a rule records nothing, never 0: the autoscaler then holds what there is. Where a pod that was
scraped is scraped no more, its part of the arrivals is unknown: the largest sum of the last minutes stands
until it answers, or is gone from the targets.

Source: docs/scaling.md, section 9; a Poisson count over w seconds has the variance of its mean, so a rate of
a has the standard deviation sqrt(a / w).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ekiben.errors import ConfigError
from ekiben.observe.queries import Scope, quoted, selector
from ekiben.serving import metrics

ARRIVALS = "release:http_server_arrivals:rate"
SLOPE = "release:http_server_arrivals:slope"
DEMAND = "release:demand_replicas:sum"

SCRAPE_SECONDS = 5
WINDOW_SECONDS = 20  # four scrapes: one that is lost leaves a rate
INTERVAL_SECONDS = 5
_SLOPE_SECONDS = 60
_HOLD_SECONDS = 300
# Standard deviations. Two of them are passed by noise once in 40 looks: a replica too many, not one too few.
_SIGMAS = 2


@dataclass(frozen=True, slots=True)
class Rule:
    """One recording rule.

    Attributes:
        record: Name of the series that it records.
        expr: PromQL.
        labels: Labels of that series.
    """

    record: str
    expr: str
    labels: Mapping[str, str]

    def document(self) -> dict[str, Any]:
        """Give it as Prometheus reads it."""
        return {"record": self.record, "expr": self.expr, "labels": dict(self.labels)}


def arrivals(scope: Scope) -> str:
    """Arrivals per second on all routes that predict, whichever protocol they speak."""
    routes = "|".join(re.escape(route).replace("\\", "\\\\") for route in metrics.PROTOCOLS)
    ours = selector(metrics.ARRIVALS.name, namespace=scope.namespace, release=scope.release)
    series = f'{ours.removesuffix("}")},{metrics.ROUTE}=~"{routes}"}}'
    return f"sum(rate({series}[{WINDOW_SECONDS}s]))"


def lost_pods(scope: Scope) -> str:
    """Pods that are targets, were scraped in the last minutes and are scraped no more; empty if none is.

    A pod that has not been ready yet is none of them: it has taken no request.
    """
    up = selector("up", namespace=scope.namespace, release=scope.release)
    return f"count(({up} == 0) and (max_over_time({up}[{_HOLD_SECONDS}s]) == 1))"


def safe_arrivals(scope: Scope) -> str:
    """Arrivals per second, held at the largest of the last minutes while a pod is lost."""
    recorded = _recorded(ARRIVALS, scope)
    held = f"max(max_over_time({recorded}[{_HOLD_SECONDS}s])) and ({lost_pods(scope)} > 0)"
    return f"({held}) or {arrivals(scope)}"


def slope(scope: Scope) -> str:
    """Growth of the arrivals, requests/s per second; 0 where it is not told from noise, or falls.

    Over 60 s two windows of 20 s at its ends share no request: their difference has the variance 2 a / w, and
    lies 40 s apart.
    """
    recorded = f"max({_recorded(ARRIVALS, scope)})"
    grown = f"max(deriv({_recorded(ARRIVALS, scope)}[{_SLOPE_SECONDS}s]))"
    apart = _SLOPE_SECONDS - WINDOW_SECONDS
    noise = f"{_SIGMAS} * sqrt(2 * {recorded} / {WINDOW_SECONDS}) / {apart}"
    return f"({grown} > {noise}) or 0 * {recorded}"


def demand(scope: Scope, target_rate: float, lag_seconds: float) -> str:
    """Replicas that are needed; not rounded, which the autoscaler does.

    Args:
        scope: Whose; its route and window are not used.
        target_rate: Load of one replica that is aimed at, requests/s, above 0.
        lag_seconds: Mean time from more load to a replica that takes its share, seconds, at least 0.

    Raises:
        ConfigError: A number is out of bounds.
    """
    for value, name, least in ((target_rate, "target_rate", 1e-9), (lag_seconds, "lag_seconds", 0.0)):
        if not (math.isfinite(value) and value >= least):
            raise ConfigError(f"expected {name} of at least {least:g}, found {value!r}")
    now, growth = f"max({_recorded(ARRIVALS, scope)})", f"max({_recorded(SLOPE, scope)})"
    margin = f"{_SIGMAS} * sqrt({now} / {WINDOW_SECONDS})"
    # Where the slope is not recorded yet, what has arrived counts all the same.
    ahead = f"(({now} + {growth} * {lag_seconds!r}) or {now})"
    return f"({ahead} + {margin}) / {target_rate!r}"


def rules(scope: Scope, target_rate: float, lag_seconds: float) -> tuple[Rule, ...]:
    """Give the rules of one release, in the order in which they read each other.

    Args:
        scope: As for `demand`.
        target_rate: As for `demand`.
        lag_seconds: As for `demand`.
    """
    labels = {"namespace": scope.namespace, "release": scope.release}
    return (
        Rule(ARRIVALS, safe_arrivals(scope), labels),
        Rule(SLOPE, slope(scope), labels),
        Rule(DEMAND, demand(scope, target_rate, lag_seconds), labels),
    )


def group(scope: Scope, target_rate: float, lag_seconds: float) -> dict[str, Any]:
    """Give the rules as a group of a Prometheus rule file."""
    return {
        "name": f"ekiben.demand.{scope.namespace}.{scope.release}",
        "interval": f"{INTERVAL_SECONDS}s",
        "rules": [rule.document() for rule in rules(scope, target_rate, lag_seconds)],
    }


def query(scope: Scope) -> str:
    """Read the recorded demand: what KEDA's Prometheus trigger, or an adapter, asks for."""
    return f"max({_recorded(DEMAND, scope)})"


def _recorded(name: str, scope: Scope) -> str:
    return f"{name}{{namespace={quoted(scope.namespace)},release={quoted(scope.release)}}}"
