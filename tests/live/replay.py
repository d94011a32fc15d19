"""A recorded run, once more by the simulator: pure.

Taken from the record are the send times (drawn anew from shape and seed), service times and saturation of
one replica, starts of pods, the HPA's spec, the CPU request and the limit. What the record does not know is
drawn: phases of scrapes and syncs, and which replica a request meets. So a run is simulated several times,
and means are told.

A replica of a part of a core is a worker of speed 1, and cores are counted in its limit. Its service times
are those of a light load, stretched so that it saturates where it was seen to: a quota makes requests
that follow one another slower than one that comes alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tests.live import shapes
from tests.live.running import each_second

from ekiben.scale.hpa.autoscaler import Autoscaler
from ekiben.scale.hpa.metric import Found
from ekiben.scale.hpa.pods import Reading
from ekiben.scale.load.schedule import intended_times
from ekiben.scale.simulation.demand import Demand, Sizing
from ekiben.scale.simulation.engine import World, _Run
from ekiben.scale.simulation.kubernetes import cpu, external
from ekiben.scale.simulation.policy import View
from ekiben.scale.simulation.service import Service, Start
from ekiben.scale.simulation.traffic import Floats, Traffic

TIMES = 20
_SERVED_SECONDS = 60.0  # policies.SERVED_WINDOW
# The longest stabilisation window, and what a rise takes to be forgotten before it.
_CALM_SECONDS = 420.0
_ENDPOINT_SECONDS = 1.0  # an allowance, as in a plan


@dataclass(frozen=True, slots=True)
class Recorded(Service):
    """Service times drawn from recorded ones.

    Attributes:
        quantiles: Evenly spaced, ascending, seconds.
    """

    quantiles: tuple[float, ...] = ()

    @classmethod
    def of(cls, services: Sequence[float], saturation_rate: float) -> Recorded:
        """Recorded times, stretched to a mean at which one worker saturates at that rate.

        Args:
            services: Evenly spaced quantiles, seconds.
            saturation_rate: Requests per second, above 0.
        """
        mean = sum(services) / len(services)
        stretched = tuple(each / mean / saturation_rate for each in services)
        return cls(1, 1 / saturation_rate, float(np.std(stretched)) * saturation_rate, stretched)

    def draw(self, generator: np.random.Generator, count: int) -> Floats:
        """Service times of so many requests, seconds."""
        return generator.choice(np.asarray(self.quantiles), count)


class Played(Demand):
    """The HPA of a record; its metrics in the order of its spec."""

    def __init__(self, record: Mapping[str, Any], idle_ratio: float) -> None:
        spec, limit = record["hpa"], record["limit_millicores"]
        request = _millicores(record["request"]) / limit
        sizing = Sizing(
            record["target_rate"], spec["minReplicas"], spec["maxReplicas"], record["lag_seconds"], request
        )
        super().__init__(sizing, record["policy"])
        self._hpa = Autoscaler.of(spec)
        self._idle = round(1000 * idle_ratio)
        self._target_rate = record["target_rate"]
        ask = self._demand if record["policy"].startswith("ekiben") else self._served
        readers = {"Resource": self._cpu, "External": ask}
        self._readers = tuple(readers[each["type"]] for each in spec["metrics"])

    def _cpu(self, view: View) -> Found:
        """What metrics-server says, with what an idle replica uses."""
        found = cpu(view)
        assert isinstance(found, Mapping)
        return {
            name: Reading(each.milli + self._idle, each.at_seconds, each.window_seconds)
            for name, each in found.items()
        }

    def _served(self, view: View) -> Found:
        """Replicas that the requests served in a minute are for."""
        rate = view.monitor.total_rate(lambda each: float(each.completed), view.now, _SERVED_SECONDS)
        return external(None if rate is None else rate / self._target_rate)


def replayed(
    record: Mapping[str, Any], basis: Mapping[str, Any], idle_cores: float, times: int = TIMES
) -> dict[str, Any]:
    """Simulate a recorded run.

    Args:
        record: The run.
        basis: What one replica carried.
        idle_cores: What a replica uses without requests, cores.
        times: How often, each time with other phases.

    Returns:
        `p99_seconds`, `violating_ratio` (means, with least and largest as `..._range`) and `replicas`: the
        mean of those asked for, at the end of each second.
    """
    traffic, lead = _after_calm(arrivals(record))
    service = Recorded.of(basis["services"], basis["saturation_rate"])
    idle = 1000 * idle_cores / record["limit_millicores"]
    world = World(
        service, _start(record["starts"] or basis["starts"]), record["objective_seconds"],
        # Who finds as many in progress as are allowed is refused: nobody waits longer than those take.
        min(record["timeout_seconds"], record["most_in_progress"] / basis["saturation_rate"]),
        "random", int(record["looks"][0][1]),
    )  # fmt: skip
    p99, violating, paths = [], [], []
    for seed in range(times):
        run = _Run(traffic, world, Played(record, idle), seed)
        path = [(at - lead, replicas) for at, replicas in run.outcome().path]
        latencies = (run._ends - traffic.times)[traffic.times >= lead]
        answered = latencies[np.isfinite(latencies)]
        p99.append(float(np.quantile(answered, 0.99)) if len(answered) else 0.0)
        violating.append(float((latencies > record["objective_seconds"]).mean()))
        paths.append(each_second(path, 1, len(record["arrivals"])))
    return {
        "times": times,
        "p99_seconds": float(np.mean(p99)),
        "p99_range": [min(p99), max(p99)],
        "violating_ratio": float(np.mean(violating)),
        "violating_range": [min(violating), max(violating)],
        "replicas": [round(float(each), 3) for each in np.mean(paths, axis=0)],
    }


def arrivals(record: Mapping[str, Any]) -> Traffic:
    """The requests of a run at their own times; or, where those are drawn otherwise now, as many a second."""
    load = shapes.of_segments(record["segments"])
    rates, counts = np.asarray(shapes.rates(load)), np.asarray(record["arrivals"], dtype=np.int64)
    times = np.asarray(intended_times(load, record["arrivals_seed"]))
    drawn = np.bincount(np.minimum(times.astype(np.int64), len(counts) - 1), minlength=len(counts))
    if np.array_equal(drawn, counts):
        return Traffic(times, rates)
    return Traffic.spread(counts, rates[: len(counts)], np.random.default_rng(record["arrivals_seed"]))


def _after_calm(traffic: Traffic) -> tuple[Traffic, float]:
    """The requests after as calm a time as the run had before it, and how long that is.

    A simulation begins with nothing: without it a load that is there at once would look like a rise.
    """
    steps = round(_CALM_SECONDS / traffic.step_seconds)
    before = Traffic.drawn(np.full(steps, traffic.rates[0]), np.random.default_rng(0), traffic.step_seconds)
    times = np.concatenate((before.times, traffic.times + before.seconds))
    rates = np.concatenate((before.rates, traffic.rates))
    return Traffic(times, rates, traffic.step_seconds), before.seconds


def _start(seconds: Sequence[float]) -> Start:
    mean = float(np.mean(seconds))
    return Start(mean, float(np.std(seconds)) / mean if mean > 0 else 0.0, _ENDPOINT_SECONDS)


def _millicores(text: str) -> float:
    """A CPU quantity as the API writes it."""
    return float(text[:-1]) if text.endswith("m") else 1000 * float(text)
