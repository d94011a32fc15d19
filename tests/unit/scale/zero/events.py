"""Independent of the product: traces event by event, KEDA's looks and an exporter's samples one by one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ekiben.scale.simulation.traffic import Traffic
from ekiben.scale.zero.gaps import Gaps
from ekiben.scale.zero.sleeping import Timing

# What ekiben.yaml would say of a reckoning.
SETTINGS: dict[str, tuple[float, str]] = {
    "timeout_seconds": (30.0, "a test"), "objective_seconds": (0.25, "a test"), "bad_ratio": (0.5, "a test"),
    "min_replicas": (2, "a test"),
}  # fmt: skip


def gaps(times: Sequence[float], seconds: float) -> Gaps:
    return Gaps.of(Traffic(np.array(times, dtype=float), np.zeros(1), seconds))


@dataclass
class Story:
    """What happened: how long each request waited, and the time without a replica."""

    waits: list[float] = field(default_factory=list)
    asleep: float = 0.0
    sleeps: int = 0
    wakes: int = 0


def story(times: list[float], seconds: float, timing: Timing) -> Story:
    """Walk through the requests: a timer that each of them starts anew, and a state."""
    told = Story()
    timer, ready, gone = timing.cooldown_seconds, 0.0, math.inf
    for number, time in enumerate([*times, seconds]):
        if ready < math.inf and timer < time:
            told.sleeps += 1
            ready, gone = math.inf, timer + timing.late_seconds
        last = number == len(times)
        if ready == math.inf and (last or timing.wake_seconds < math.inf):
            told.asleep += max(0.0, time - gone)
            if not last:
                told.wakes += 1
                ready = time + timing.wake_seconds
        if not last:
            told.waits.append(max(0.0, ready - time))
            timer = time + timing.cooldown_seconds
    return told


def bad(told: Story, timing: Timing) -> int:
    """Requests that fail, or are answered too late."""
    limit = min(timing.patience_seconds, timing.objective_seconds)
    return sum(wait > limit for wait in told.waits)


@dataclass(frozen=True)
class Controller:
    """KEDA with a rate of requests over a window, sampled and looked at in periods of any phase.

    It is active where two samples within the window differ. Active, it remembers the time; not active for
    longer than the cool-down, it takes the replicas; without replicas and active, it starts them.
    """

    sample_seconds: float
    wake_look_seconds: float
    look_seconds: float
    window_seconds: float
    cooldown_seconds: float
    start_seconds: float
    drain_seconds: float
    phases: tuple[float, float, float]

    def story(self, times: list[float], seconds: float) -> Story:
        arrivals, told = np.array([0.0, *times]), Story()  # as if a request had come at the start
        until = seconds + self.look_seconds
        samples = np.arange(self.phases[0] - 2 * self.window_seconds, until, self.sample_seconds)
        counts = np.searchsorted(arrivals, samples, side="right")
        wakes = [(float(at), True) for at in np.arange(self.phases[1], until, self.wake_look_seconds)]
        others = [(float(at), False) for at in np.arange(self.phases[2], until, self.look_seconds)]
        active_at, gone_at = 0.0, math.inf
        downs: list[tuple[float, float]] = []  # without a ready replica
        for look, waking in sorted(wakes + others):
            first, end = np.searchsorted(samples, (look - self.window_seconds, look), side="right")
            seen = counts[first:end]
            active = len(seen) > 1 and seen[-1] > seen[0]
            if active:
                if gone_at < math.inf:
                    downs.append((gone_at, look + self.start_seconds))
                    told.asleep += max(0.0, look - gone_at - self.drain_seconds)
                    told.wakes, gone_at = told.wakes + 1, math.inf
                active_at = look
            elif not waking and gone_at == math.inf and look - active_at > self.cooldown_seconds:
                told.sleeps, gone_at = told.sleeps + 1, look
        if gone_at < math.inf:
            told.asleep += max(0.0, seconds - gone_at - self.drain_seconds)
            downs.append((gone_at, math.inf))
        for time in times:
            ready = [end for begin, end in downs if begin < time < end]
            told.waits.append(ready[0] - time if ready else 0.0)
        return told
