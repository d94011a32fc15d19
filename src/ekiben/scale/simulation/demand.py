"""ekiben's policy: replicas as a metric, from arrivals, their slope and noise; CPU is the safety net."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from itertools import pairwise

from ekiben.errors import ConfigError
from ekiben.scale.hpa.metric import Found
from ekiben.scale.simulation.kubernetes import HpaPolicy, average, cpu, external, utilization
from ekiben.scale.simulation.policy import View

_RATE_WINDOW_SECONDS = 20.0
_SLOPE_WINDOW_SECONDS = 60.0
_RULE_SECONDS = 5.0
_NOISE_FACTOR = 2.0  # standard deviations that a slope must exceed
_SLOPE_LEVER_SECONDS = 40.0  # between the means of the slope window's ends
_NET_MARGIN = 1.15  # CPU fires where use is so much above that at the target rate


@dataclass(frozen=True, slots=True)
class Sizing:
    """The numbers of an HPA on demand.

    Attributes:
        target_rate: Requests per second that one replica is for (tau), above 0.
        low: `minReplicas`.
        high: `maxReplicas`.
        lag_seconds: Mean time from a change of traffic to replicas that serve it; so far the slope looks.
        request_cores: CPU request, about the use at the target rate.
        down_window_seconds: Stabilisation window downwards.
        down_percent: Most that is taken away in a minute.
        noise_factor: Standard deviations of the counted rate that are added to it.

    Raises:
        ConfigError: A rate, lag or request that cannot be.
    """

    target_rate: float
    low: int
    high: int
    lag_seconds: float
    request_cores: float
    down_window_seconds: int = 120
    down_percent: int = 18
    noise_factor: float = 2.0

    def __post_init__(self) -> None:
        if not (
            0 < self.target_rate < math.inf and self.lag_seconds >= 0 and 0 < self.request_cores < math.inf
        ):
            raise ConfigError(
                "expected a target rate and a CPU request above 0 and a lag of 0 s or more, "
                f"found {self.target_rate!r}, {self.request_cores!r} and {self.lag_seconds!r}"
            )


def lag_seconds(start_seconds: float, endpoint_seconds: float = 1.0) -> float:
    """Mean lag: half of scrape, rate window, rule interval and sync; start and endpoints whole."""
    return 2.5 + _RATE_WINDOW_SECONDS / 2 + _RULE_SECONDS / 2 + 7.5 + start_seconds + endpoint_seconds


class Demand(HpaPolicy):
    """The HPA on demand.

    Args:
        sizing: Its numbers.
        seconds_per_request: CPU, for the net.
        name: In tables.
    """

    rule_seconds = _RULE_SECONDS

    def __init__(self, sizing: Sizing, seconds_per_request: float, name: str = "ekiben demand") -> None:
        at_target = 100 * sizing.target_rate * seconds_per_request / sizing.request_cores
        up = [
            {"type": "Pods", "value": max(4, math.ceil(sizing.high / 2)), "periodSeconds": 15},
            {"type": "Percent", "value": 200, "periodSeconds": 15},
        ]
        down = [{"type": "Percent", "value": sizing.down_percent, "periodSeconds": 60}]
        spec = {
            "minReplicas": sizing.low,
            "maxReplicas": sizing.high,
            "metrics": [average("demand", 1.0), utilization(max(1, math.floor(_NET_MARGIN * at_target)))],
            "behavior": {
                "scaleUp": {"tolerance": "0", "stabilizationWindowSeconds": 0, "policies": up},
                "scaleDown": {
                    "tolerance": "0",
                    "stabilizationWindowSeconds": sizing.down_window_seconds,
                    "policies": down,
                },
            },
        }
        super().__init__(name, spec, [self._demand, cpu], sizing.request_cores)
        self._sizing = sizing
        self._rates: deque[tuple[float, float]] = deque()
        self._recorded: float | None = None

    def record(self, view: View) -> None:
        """The recording rules: arrivals, their slope where it is more than noise, replicas wanted."""
        rate = view.monitor.total_rate(lambda sample: float(sample.arrivals), view.now, _RATE_WINDOW_SECONDS)
        if rate is None:
            self._recorded = None
            return
        self._rates.append((view.now, rate))
        while self._rates[0][0] <= view.now - _SLOPE_WINDOW_SECONDS:
            self._rates.popleft()
        noise = math.sqrt(rate / _RATE_WINDOW_SECONDS)
        slope = slope_of(list(self._rates))
        if slope <= _NOISE_FACTOR * math.sqrt(2) * noise / _SLOPE_LEVER_SECONDS:
            slope = 0.0
        ahead = rate + slope * self._sizing.lag_seconds + self._sizing.noise_factor * noise
        self._recorded = ahead / self._sizing.target_rate

    def _demand(self, _view: View) -> Found:
        return external(self._recorded)


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
