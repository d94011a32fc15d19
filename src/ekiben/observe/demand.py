"""The demand metric: how many replicas the arrivals of a release need, as recording rules.

    demand = (arrivals + slope x lag + noise margin) / target

`arrivals` are counted at receipt, before anything can refuse them, so their sum over pods does not depend on
the number of pods; `slope` looks ahead by the lag, only where it is told from noise; the margin covers what a
rate over a short window can miss. Target and lag are recorded as series of their own, as objectives are. An
autoscaler reads the demand with the target 1 per replica (external metric, AverageValue) and tolerance 0.

The rules are written for every release; the chart narrows them to its own, and so does `group`.

Without samples a rule records nothing, never 0: the autoscaler then holds what there is. Where a pod that was
scraped is scraped no more, its part of the arrivals is unknown: the largest sum of the last minutes stands
until it answers, or is gone from the targets.

Source: docs/scaling.md, section 9; a Poisson count over w seconds has the variance of its mean, so a rate of
a has the standard deviation sqrt(a / w).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ekiben.errors import ConfigError
from ekiben.observe.indicators import BY, EVERY, ON, PREDICTING, every
from ekiben.observe.objectives import AIMS, DEMAND_LAG_SECONDS, DEMAND_TARGET_RATE
from ekiben.observe.queries import Scope, quoted
from ekiben.serving import metrics

GROUP = "ekiben.demand"
ARRIVALS = "release:http_server_arrivals:rate"
SLOPE = "release:http_server_arrivals:slope"
DEMAND = "release:demand_replicas:sum"

SCRAPE_SECONDS = 5
WINDOW_SECONDS = 20  # four scrapes: one that is lost leaves a rate
INTERVAL_SECONDS = 5
_SLOPE_SECONDS = 60
_KNOWN_SECONDS = _SLOPE_SECONDS + WINDOW_SECONDS  # so long a release is recorded before a slope of it counts
_HOLD_SECONDS = 300
# Standard deviations. Two of them are passed by noise once in 40 looks: a replica too many, not one too few.
_SIGMAS = 2


@dataclass(frozen=True, slots=True)
class Aim:
    """What the demand is reckoned with.

    Attributes:
        target_rate: Load of one replica that is aimed at, requests/s, above 0.
        lag_seconds: Mean time from more load to a replica that takes its share, seconds, at least 0.

    Raises:
        ConfigError: A number is out of bounds.
    """

    target_rate: float
    lag_seconds: float

    def __post_init__(self) -> None:
        for name, least in (("target_rate", 1e-9), ("lag_seconds", 0.0)):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= least):
                raise ConfigError(f"expected {name} of at least {least:g}, found {value!r}")


def arrivals() -> str:
    """Arrivals per second on all routes that predict, whichever protocol they speak, by release."""
    return f"sum {BY} (rate({every(metrics.ARRIVALS.name, PREDICTING)}[{WINDOW_SECONDS}s]))"


def lost_pods() -> str:
    """Pods that are targets, were scraped in the last minutes and are scraped no more, by release.

    Empty if none is. A pod that has not been ready yet is none of them: it has taken no request.
    """
    up = every("up")
    return f"count {BY} (({up} == 0) and (max_over_time({up}[{_HOLD_SECONDS}s]) == 1))"


def safe_arrivals() -> str:
    """Arrivals per second, held at the largest of the last minutes while a pod is lost, by release."""
    held = f"max {BY} (max_over_time({every(ARRIVALS)}[{_HOLD_SECONDS}s])) and {ON} {lost_pods()}"
    return f"({held}) or {ON} {arrivals()}"


def slope() -> str:
    """Growth of the arrivals, requests/s per second; 0 where it is not told from noise, or falls; by release.

    Over 60 s two windows of 20 s at its ends share no request: their difference has the variance 2 a / w, and
    lies 40 s apart.

    A rate whose window is not full yet is too low and seems to rise: a release under a steady load would ask
    for two and a half times as much in its first minute. So the slope counts where the arrivals are recorded
    for as long as both windows, but for one evaluation; not after a start, nor after an outage of Prometheus.
    """
    recorded = f"max {BY} ({every(ARRIVALS)})"
    grown = f"max {BY} (deriv({every(ARRIVALS)}[{_SLOPE_SECONDS}s]))"
    apart = _SLOPE_SECONDS - WINDOW_SECONDS
    noise = f"{_SIGMAS} * sqrt(2 * {recorded} / {WINDOW_SECONDS}) / {apart}"
    least = _KNOWN_SECONDS // INTERVAL_SECONDS - 1
    known = f"max {BY} (count_over_time({every(ARRIVALS)}[{_KNOWN_SECONDS}s])) >= {least}"
    return f"(({grown} > {noise}) and {ON} ({known})) or 0 * {recorded}"


def demand() -> str:
    """Replicas that are needed, by release; not rounded, which the autoscaler does."""
    now, growth = f"max {BY} ({every(ARRIVALS)})", f"max {BY} ({every(SLOPE)})"
    lag, target = f"max {BY} ({every(DEMAND_LAG_SECONDS)})", f"max {BY} ({every(DEMAND_TARGET_RATE)})"
    margin = f"{_SIGMAS} * sqrt({now} / {WINDOW_SECONDS})"
    # Where the slope is not recorded yet, what has arrived counts all the same.
    ahead = f"(({now} + {growth} * {lag}) or {now})"
    return f"({ahead} + {margin}) / {target}"


def every_group() -> dict[str, Any]:
    """Give the rules about every release, in the order in which they read each other, as a group."""
    rules = ((ARRIVALS, safe_arrivals()), (SLOPE, slope()), (DEMAND, demand()))
    return {
        "name": GROUP,
        "interval": f"{INTERVAL_SECONDS}s",
        "rules": [{"record": name, "expr": expression} for name, expression in rules],
    }


def group(scope: Scope, aim: Aim) -> dict[str, Any]:
    """Give the rules of one release, with what they are reckoned with, as a group of a Prometheus rule file.

    Args:
        scope: Whose; its route and window are not used.
        aim: Target and lag.
    """
    labels = {"namespace": scope.namespace, "release": scope.release}
    aims = zip(AIMS, (aim.target_rate, aim.lag_seconds), strict=True)
    found = every_group()
    narrowed = [{**rule, "expr": rule["expr"].replace(EVERY, _matchers(scope))} for rule in found["rules"]]
    recorded = [{"record": name, "expr": f"vector({value!r})", "labels": labels} for name, value in aims]
    return {**found, "name": f"{GROUP}.{scope.namespace}.{scope.release}", "rules": [*recorded, *narrowed]}


def needed_replicas() -> str:
    """The recorded demand, by release."""
    return f"max {BY} ({every(DEMAND)})"


def query(scope: Scope) -> str:
    """Read the recorded demand: what KEDA's Prometheus trigger, or an adapter, asks for."""
    return f"max({DEMAND}{{{_matchers(scope)}}})"


def _matchers(scope: Scope) -> str:
    return f"namespace={quoted(scope.namespace)},release={quoted(scope.release)}"
