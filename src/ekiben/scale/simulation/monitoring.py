"""What is known of the replicas: samples at scrape times, and the readings made of them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ekiben.scale.hpa.pods import Reading
from ekiben.scale.simulation.fleet import Fleet

_THRESHOLD = 1.1  # of the mean interval: beyond it, a range's end is taken for the series' end


@dataclass(frozen=True, slots=True)
class Sample:
    """One scrape of one replica.

    Attributes:
        at: Seconds.
        arrivals: Requests received so far.
        completed: Requests answered so far.
        in_progress: Requests waiting or worked on.
    """

    at: float
    arrivals: int
    completed: int
    in_progress: int


def rate(samples: Sequence[tuple[float, float]], now: float, window_seconds: float) -> float:
    """Prometheus' `rate` of a counter that is never reset; 0 where it has no answer.

    Args:
        samples: (time, value) in order of time, all within the window that ends now.
        now: When it is evaluated, seconds.
        window_seconds: The range.

    Source: https://prometheus.io/docs/prometheus/latest/querying/functions/#rate and, for how it extends the
        slope to the ends of the range, `extrapolatedRate` in Prometheus' `promql/functions.go`.
    """
    if len(samples) < 2:  # noqa: PLR2004  # a slope needs two
        return 0.0
    (first_at, first), (last_at, last) = samples[0], samples[-1]
    covered = last_at - first_at
    interval = covered / (len(samples) - 1)
    before, after = first_at - (now - window_seconds), now - last_at
    if before >= interval * _THRESHOLD:
        before = interval / 2
    if after >= interval * _THRESHOLD:
        after = interval / 2
    if last > first >= 0:
        before = min(before, covered * first / (last - first))  # a counter begins at 0
    return (last - first) * (covered + before + after) / covered / window_seconds


@dataclass(slots=True)
class Monitor:
    """Samples of the last minutes.

    Attributes:
        keep_seconds: How long samples are kept.
        series: By replica's name.
        cpu: The last two (time, CPU-seconds) by replica's name.
    """

    keep_seconds: float = 120.0
    series: dict[str, deque[Sample]] = field(default_factory=dict)
    cpu: dict[str, deque[tuple[float, float]]] = field(default_factory=dict)

    def scrape(self, fleet: Fleet, now: float) -> None:
        """Sample the replicas that are ready, and forget what is old."""
        for each in (*fleet.active, *fleet.leaving):
            if each.ready <= now:
                in_progress = each.queue.until(now)
                sample = Sample(now, each.queue.arrivals, each.queue.completed, in_progress)
                self.series.setdefault(each.name, deque()).append(sample)
        for name in list(self.series):
            samples = self.series[name]
            while samples and samples[0].at <= now - self.keep_seconds:
                samples.popleft()
            if not samples:
                del self.series[name]

    def scrape_cpu(self, fleet: Fleet, now: float) -> None:
        """Sample CPU as metrics-server does: of every replica that runs, ready or not."""
        self.cpu = {
            each.name: self.cpu.get(each.name, deque(maxlen=2)) for each in (*fleet.active, *fleet.leaving)
        }
        for each in (*fleet.active, *fleet.leaving):
            starting = fleet.start.cores * (min(now, each.ready) - each.created)
            self.cpu[each.name].append((now, starting + each.queue.busy_seconds(now)))

    def cpu_readings(self) -> dict[str, Reading]:
        """Thousandths of a core by replica's name, over its last two samples."""
        found = {}
        for name, samples in self.cpu.items():
            if len(samples) == 2:  # noqa: PLR2004  # a rate needs two
                (begin, before), (end, after) = samples
                milli = math.ceil(1000 * (after - before) / (end - begin))
                found[name] = Reading(milli, end, end - begin)
        return found

    def total_rate(self, of: Callable[[Sample], float], now: float, window_seconds: float) -> float | None:
        """`sum(rate(counter[window]))`; None where no replica has a sample in the window."""
        total, known = 0.0, False
        for samples in self.series.values():
            within = [(each.at, of(each)) for each in samples if each.at > now - window_seconds]
            known = known or bool(within)
            total += rate(within, now, window_seconds)
        return total if known else None

    def mean_in_progress(self, now: float, window_seconds: float) -> float:
        """Mean over the scrapes of a window of the requests in progress on all replicas."""
        sums: dict[float, int] = {}
        for samples in self.series.values():
            for each in reversed(samples):
                if each.at <= now - window_seconds:
                    break
                sums[each.at] = sums.get(each.at, 0) + each.in_progress
        return sum(sums.values()) / len(sums) if sums else 0.0
