"""PromQL of the service level indicators: what is recorded of every release, and read by its alerts.

Every selector carries `release!=""`, which is true of all series of ekiben's pods; the chart puts the
release's own namespace and name in its place, so that fifty releases record fifty times their own.

Source: names of recorded series, https://prometheus.io/docs/practices/rules/#recording-rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Literal, get_args

from ekiben.observe import objectives
from ekiben.observe.queries import quoted
from ekiben.observe.windows import Pace, written
from ekiben.serving import metrics

Indicator = Literal["availability", "latency"]
INDICATORS: tuple[Indicator, ...] = get_args(Indicator)
EVERY = 'release!=""'
BY = "by (namespace, release)"
ON = "on (namespace, release)"
# A caller's own mistakes (refused) and a caller's limit (rate) are no failure of the service.
FAILED = "gone|busy|late|failed"
ANSWERED = "2.."
_ROUTES = "|".join(re.escape(route) for route in metrics.PROTOCOLS)
PREDICTING = f"{metrics.ROUTE}=~{quoted(_ROUTES)}"  # matches the routes for predictions
# Fewer requests in the short window say nothing: one failure among ten is a ratio of 0.1.
LEAST_REQUESTS = 20
_STEPS = 5  # points of a subquery in the base window
_OBJECTIVES: Mapping[Indicator, str] = {
    "availability": objectives.AVAILABILITY_RATIO,
    "latency": objectives.LATENCY_RATIO,
}


def every(name: str, *matchers: str) -> str:
    """Select a series of all releases.

    Args:
        name: Of the series.
        matchers: More of them, as PromQL has them.
    """
    return f"{name}{{{','.join((EVERY, *matchers))}}}"


def requests_rate(pace: Pace) -> str:
    """Requests for predictions that ended, per second, by release; over the base window."""
    return f"sum {BY} (rate({every(metrics.REQUESTS.name)}[{written(pace.base)}]))"


def availability_errors_rate(pace: Pace) -> str:
    """Requests that failed or were given up, per second, by release; 0, not empty, without any."""
    failed = every(metrics.REQUESTS.name, f"outcome=~{quoted(FAILED)}")
    window = written(pace.base)
    return f"sum {BY} (rate({failed}[{window}])) or 0 * {every(recorded_requests('availability', pace))}"


def latency_requests_rate(pace: Pace) -> str:
    """Answers per second, by release, of the pods that have an edge on the objective."""
    answers, within = _answers(pace)
    return f"sum {BY} ({answers} and ignoring (le) ({within}))"


def latency_errors_rate(pace: Pace) -> str:
    """Answers per second that were slower than the objective, by release."""
    answers, within = _answers(pace)
    # Extrapolation may differ in the last bits between a series and its bucket.
    return f"sum {BY} (clamp_min({answers} - ignoring (le) ({within}), 0))"


def recorded_requests(indicator: Indicator, pace: Pace) -> str:
    """Name of the recorded rate of requests that an indicator judges."""
    return f"release:{indicator}_requests:rate{written(pace.base)}"


def recorded_errors(indicator: Indicator, pace: Pace) -> str:
    """Name of the recorded rate of bad ones among them."""
    return f"release:{indicator}_errors:rate{written(pace.base)}"


def recorded_ratio(indicator: Indicator, window: int) -> str:
    """Name of the recorded share of bad requests over a window, seconds."""
    return f"release:{indicator}_errors:ratio_rate{written(window)}"


def ratio(indicator: Indicator, window: int, pace: Pace) -> str:
    """Share of bad requests over a window, 0-1, by release; empty without requests.

    Long windows are sums of the recorded rates, each weighed by its requests: a query over three days of
    every pod's counters would read more samples than Prometheus allows (`--query.max-samples`).
    """
    errors, requests = recorded_errors(indicator, pace), recorded_requests(indicator, pace)
    if window == pace.base:
        return f"{every(errors)} / ({every(requests)} > 0)"
    length = written(window)
    return f"sum_over_time({every(errors)}[{length}]) / (sum_over_time({every(requests)}[{length}]) > 0)"


def requests_within(indicator: Indicator, window: int, pace: Pace) -> str:
    """Requests in a window, by release, from the recorded rate at steps of a fifth of the base window."""
    rate = every(recorded_requests(indicator, pace))
    if window == pace.base:
        return f"{rate} * {window}"
    step = pace.base // _STEPS
    return f"sum_over_time({rate}[{written(window)}:{written(step)}]) * {step}"


def objective(indicator: Indicator) -> str:
    """The promised share of good requests, 0-1, by release."""
    return f"max {BY} ({every(_OBJECTIVES[indicator])})"


def burn_rate(indicator: Indicator, window: int) -> str:
    """How fast the error budget was spent over a window, by release: 1 spends all of it in its period."""
    return f"{every(recorded_ratio(indicator, window))} / {ON} (1 - {objective(indicator)})"


def budget_burns(indicator: Indicator, rate: float, long: int, short: int, pace: Pace) -> str:
    """Burn rate over the long window, where both are above `rate` and the short one has enough requests.

    Args:
        indicator: Which.
        rate: Least burn rate.
        long: Window, seconds, scaled.
        short: Window, seconds, scaled.
        pace: Scale of time.
    """
    return (
        f"({burn_rate(indicator, long)} > {rate:g})\n"
        f"and {ON} ({burn_rate(indicator, short)} > {rate:g})\n"
        f"and {ON} ({requests_within(indicator, short, pace)} >= {LEAST_REQUESTS})"
    )


def _answers(pace: Pace) -> tuple[str, str]:
    """Rates of answers, and of those within the objective's bucket; series by series."""
    matchers = (PREDICTING, f"{metrics.STATUS}=~{quoted(ANSWERED)}")
    name, window = metrics.REQUEST_DURATION.name, written(pace.base)
    edge = every(objectives.LATENCY_SECONDS)
    return (
        f"rate({every(f'{name}_count', *matchers)}[{window}])",
        f"rate({every(f'{name}_bucket', *matchers)}[{window}]) and on (namespace, release, le) {edge}",
    )


# What is recorded of each: requests that are judged, and the bad ones among them.
RATES: Mapping[Indicator, tuple[Callable[[Pace], str], Callable[[Pace], str]]] = {
    "availability": (requests_rate, availability_errors_rate),
    "latency": (latency_requests_rate, latency_errors_rate),
}
