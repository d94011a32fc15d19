"""ekiben's policy: replicas as a metric, from arrivals, their slope and noise; CPU is the safety net."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ekiben.errors import ConfigError
from ekiben.scale.hpa.metric import Found
from ekiben.scale.simulation.kubernetes import HpaPolicy, average, cpu, external, utilization
from ekiben.scale.simulation.policy import View

_RATE_WINDOW_SECONDS = 20.0
_SLOPE_WINDOW_SECONDS = 60.0
_RULE_SECONDS = 5.0
_NOISE_FACTOR = 2.0  # standard deviations: what a slope must exceed, and what is added to the rate
_SLOPE_LEVER_SECONDS = 40.0  # between the means of the slope window's ends
_KNOWN_SECONDS = _SLOPE_WINDOW_SECONDS + _RATE_WINDOW_SECONDS  # so long a release must have been counted
_KNOWN_POINTS = 15  # of the 16 of that time: one evaluation may be missed


@dataclass(frozen=True, slots=True)
class Sizing:
    """The numbers of an HPA on demand; those of a plan are `planned.sizing`.

    Attributes:
        target_rate: Requests per second that one replica is for (tau), above 0.
        low: `minReplicas`.
        high: `maxReplicas`.
        lag_seconds: Mean time from a change of traffic to replicas that serve it; so far the slope looks.
        request_cores: CPU request, about the use at the target rate.
        net_percent: CPU use of the request at which the safety net adds replicas.
        up_pods: Most that come at once.
        up_percent: Most that come at once, of what there is; the larger of both counts.
        down_window_seconds: Stabilisation window downwards.
        down_percent: Most that is taken away in a period, of what there is; one always may be.
        down_period_seconds: That period.

    Raises:
        ConfigError: A rate, lag or request that cannot be.
    """

    target_rate: float
    low: int
    high: int
    lag_seconds: float
    request_cores: float
    net_percent: int = 115
    up_pods: int = 4
    up_percent: int = 200
    down_window_seconds: int = 120
    down_percent: int = 18
    down_period_seconds: int = 60

    def __post_init__(self) -> None:
        if not (
            0 < self.target_rate < math.inf and self.lag_seconds >= 0 and 0 < self.request_cores < math.inf
        ):
            raise ConfigError(
                "expected a target rate and a CPU request above 0 and a lag of 0 s or more, "
                f"found {self.target_rate!r}, {self.request_cores!r} and {self.lag_seconds!r}"
            )


def spec(sizing: Sizing) -> dict[str, Any]:
    """The HPA's spec, as the chart's ScaledObject makes it."""
    up = [
        {"type": "Pods", "value": sizing.up_pods, "periodSeconds": 15},
        {"type": "Percent", "value": sizing.up_percent, "periodSeconds": 15},
    ]
    down = [
        {"type": "Percent", "value": sizing.down_percent, "periodSeconds": sizing.down_period_seconds},
        {"type": "Pods", "value": 1, "periodSeconds": sizing.down_period_seconds},
    ]
    window = sizing.down_window_seconds
    return {
        "minReplicas": sizing.low,
        "maxReplicas": sizing.high,
        "metrics": [average("demand", 1.0), utilization(sizing.net_percent)],
        "behavior": {
            "scaleUp": {"tolerance": "0", "stabilizationWindowSeconds": 0, "policies": up},
            "scaleDown": {"tolerance": "0", "stabilizationWindowSeconds": window, "policies": down},
        },
    }


class Demand(HpaPolicy):
    """The HPA on demand.

    Args:
        sizing: Its numbers.
        name: In tables.

    Attributes:
        recorded: The demand that was recorded last; None where nothing was.
        terms: What the last demand is made of, requests/s: arrivals, growth within the lag, noise margin.
    """

    rule_seconds = _RULE_SECONDS

    def __init__(self, sizing: Sizing, name: str = "ekiben demand") -> None:
        super().__init__(name, spec(sizing), [self._demand, cpu], sizing.request_cores)
        self._sizing = sizing
        self._rates: deque[tuple[float, float]] = deque()
        self.recorded: float | None = None
        self.terms = (0.0, 0.0, 0.0)

    def record(self, view: View) -> None:
        """The recording rules: arrivals, their slope where it is more than noise, replicas wanted."""
        rate = view.monitor.total_rate(lambda sample: float(sample.arrivals), view.now, _RATE_WINDOW_SECONDS)
        if rate is None:
            self.recorded = None
            return
        self._rates.append((view.now, rate))
        while self._rates[0][0] <= view.now - _KNOWN_SECONDS:
            self._rates.popleft()
        noise = math.sqrt(rate / _RATE_WINDOW_SECONDS)
        slope = self._slope(view.now)
        if slope <= _NOISE_FACTOR * math.sqrt(2) * noise / _SLOPE_LEVER_SECONDS:
            slope = 0.0
        self.terms = (rate, slope * self._sizing.lag_seconds, _NOISE_FACTOR * noise)
        self.recorded = sum(self.terms) / self._sizing.target_rate

    def _slope(self, now: float) -> float:
        """Growth of the rate; 0 for a release that has just begun to be counted: that is no surge."""
        if len(self._rates) < _KNOWN_POINTS:
            return 0.0
        return slope_of([each for each in self._rates if each[0] > now - _SLOPE_WINDOW_SECONDS])

    def _demand(self, _view: View) -> Found:
        return external(self.recorded)


def slope_of(points: list[tuple[float, float]]) -> float:
    """Least squares, as Prometheus' `deriv`; 0 for fewer than two points.

    Args:
        points: (seconds, value), ascending.
    """
    if len(points) < 2 or all(one[0] == other[0] for one, other in pairwise(points)):  # noqa: PLR2004
        return 0.0
    count = len(points)
    mean_time, mean_value = sum(time for time, _ in points) / count, sum(value for _, value in points) / count
    above = sum((time - mean_time) * (value - mean_value) for time, value in points)
    return above / sum((time - mean_time) ** 2 for time, _ in points)
