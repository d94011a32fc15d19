"""Policies with control loops of their own, from their documentation."""

from __future__ import annotations

import math
from collections import deque

from ekiben.scale.simulation.policy import Policy, View


def _within(wanted: int, low: int, high: int) -> int:
    return min(max(wanted, low), high)


class Static(Policy):
    """As many replicas as the peak needs, always."""

    def __init__(self, replicas: int) -> None:
        self.name = "static peak"
        self._replicas = replicas

    def decide(self, view: View) -> int:
        """The same number."""
        del view
        return self._replicas


class Knative(Policy):
    """Knative's KPA: mean concurrency over 60 s, or over 6 s in panic; every 2 s.

    Args:
        target: Requests in progress per replica: 70 % of the container's concurrency.
        low: Least replicas.
        high: Most replicas.

    Source: https://knative.dev/docs/serving/autoscaling/kpa-specific/
    """

    interval_seconds = 2.0
    scrape_seconds = 1.0
    _STABLE_SECONDS = 60.0
    _PANIC_SECONDS = 6.0
    _PANIC_RATIO = 2.0
    _DOWN_FACTOR = 2.0

    def __init__(self, target: float, low: int, high: int) -> None:
        self.name = "Knative KPA"
        self._target, self._low, self._high = target, low, high
        self._panic_until = -math.inf
        self._panic_most = 0

    def decide(self, view: View) -> int:
        """One tick: panic holds what it has reached, and never lowers."""
        ready = max(1, sum(each.ready <= view.now for each in view.fleet.active))
        monitor, now = view.monitor, view.now
        stable = math.ceil(monitor.mean_in_progress(now, self._STABLE_SECONDS) / self._target)
        panic = math.ceil(monitor.mean_in_progress(now, self._PANIC_SECONDS) / self._target)
        lowest = math.floor(ready / self._DOWN_FACTOR)
        stable, panic = max(stable, lowest), max(panic, lowest)
        if panic / ready >= self._PANIC_RATIO:
            if now >= self._panic_until:
                self._panic_most = 0
            self._panic_until = now + self._STABLE_SECONDS
        if now < self._panic_until:
            self._panic_most = max(self._panic_most, panic, view.fleet.wanted)
            return _within(self._panic_most, self._low, self._high)
        return _within(stable, self._low, self._high)


class Ray(Policy):
    """Ray Serve: mean ongoing requests over 30 s; up after 30 s of agreement, down after 600 s.

    Args:
        target: `target_ongoing_requests`, 2 by default.
        low: Least replicas.
        high: Most replicas.

    Source: https://docs.ray.io/en/latest/serve/autoscaling-guide.html
    """

    interval_seconds = 1.0
    scrape_seconds = 5.0
    _LOOK_BACK_SECONDS = 30.0
    _UP_SECONDS = 30.0
    _DOWN_SECONDS = 600.0

    def __init__(self, target: float, low: int, high: int) -> None:
        self.name = "Ray Serve"
        self._target, self._low, self._high = target, low, high
        self._since, self._direction = 0.0, 0

    def decide(self, view: View) -> int:
        """Follow a direction that has held for its delay."""
        ongoing = view.monitor.mean_in_progress(view.now, self._LOOK_BACK_SECONDS)
        wanted = _within(math.ceil(ongoing / self._target), self._low, self._high)
        direction = (wanted > view.fleet.wanted) - (wanted < view.fleet.wanted)
        if direction != self._direction:
            self._direction, self._since = direction, view.now
        delay = self._UP_SECONDS if direction > 0 else self._DOWN_SECONDS
        if direction and view.now - self._since >= delay:
            self._direction = 0
            return wanted
        return view.fleet.wanted


class SageMaker(Policy):
    """Target tracking on invocations per instance and minute, with the advised safety factor of 0.5.

    Args:
        most_rate: Requests per second that one replica can serve at most.
        low: Least replicas.
        high: Most replicas.

    Source: https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-loadtest.html; alarms of
        3 minutes upwards and 15 downwards, cooldowns of 300 s:
        https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html
    """

    interval_seconds = 60.0
    _SAFETY = 0.5
    _UP_MINUTES, _DOWN_MINUTES = 3, 15
    _LOW_RATIO = 0.9
    _COOLDOWN_SECONDS = 300.0

    def __init__(self, most_rate: float, low: int, high: int) -> None:
        self.name = "SageMaker 0.5"
        self._target = most_rate * self._SAFETY
        self._low, self._high = low, high
        self._ratios: deque[float] = deque(maxlen=self._DOWN_MINUTES)
        self._rested_at = 0.0

    def decide(self, view: View) -> int:
        """One minute: an alarm that lasts moves replicas in proportion, then rests."""
        rate = view.monitor.total_rate(lambda sample: float(sample.arrivals), view.now, 60.0) or 0.0
        replicas = view.fleet.wanted
        self._ratios.append(rate / max(1, replicas) / self._target)
        recent = list(self._ratios)
        high = len(recent) >= self._UP_MINUTES and min(recent[-self._UP_MINUTES :]) > 1
        low = len(recent) == self._DOWN_MINUTES and max(recent) < self._LOW_RATIO
        if view.now < self._rested_at or not (high or low):
            return replicas
        self._rested_at = view.now + self._COOLDOWN_SECONDS
        self._ratios.clear()
        return _within(math.ceil(rate / self._target), self._low, self._high)
