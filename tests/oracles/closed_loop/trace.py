"""One HPA and all that is done to it: its load, and what happens to its pods. Pure and seeded.

A level is a load in replicas: how many replicas it takes to be on target. The shapes are those of the
simulator's traffic, drawn together to the seconds of a run; `edges` instead follows the pods that there are,
so that ratios stand exactly on the ends of the tolerance and just beside them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from ekiben.scale.simulation.families import FAMILIES

Json = dict[str, Any]
Deed = Literal["hpa", "deployment", "fail", "unready"]
Outage = Literal["500", "404", "empty"]

SEED = 1  # of the published run
SECONDS = 180  # how long it plays each trace
# The controller's windows, about a thirtieth of their defaults: a run of minutes is past all of them.
FLAGS = {
    "tolerance": 0.1,
    "downscale_stabilization": 10.0,
    "cpu_initialization_period": 12.0,
    "initial_readiness_delay": 3.0,
}
_EDGES = (1.0, 1.1, 0.9, 1.1001, 0.8999, 1.0, 1.15, 0.85, 1.05, 0.95, 2.5, 0.0, 1.0)
_EDGE_SECONDS = 6
REQUESTS: Json = {"cpu": 200, "memory": 64_000_000_000}  # of a container, thousandths


@dataclass(frozen=True, slots=True)
class Happening:
    """Something done to a trace's objects.

    Attributes:
        at: Share of the run that has passed.
        deed: Merge a patch into the HPA or the Deployment, or change the oldest pod.
        patch: Of the object.
    """

    at: float
    deed: Deed
    patch: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Silence:
    """A time without a metric.

    Attributes:
        begin: Share of the run.
        end: Share of the run.
        metric: Its place in the spec.
        kind: What the metric's API says instead: a status, or an empty list.
    """

    begin: float
    end: float
    metric: int = 0
    kind: Outage = "500"


@dataclass(frozen=True, slots=True)
class Trace:
    """One HPA and all that is done to it.

    Attributes:
        name: Of its namespace too.
        metrics: As in the HPA's spec.
        shape: A key of the simulator's families, or `edges`.
        low: Replicas at first and at least.
        high: Replicas at most.
        peak: The highest level.
        behavior: As in the HPA's spec; None for none.
        requests: By container, then resource, thousandths.
        pending_seconds: From a pod's creation until it runs.
        start_seconds: From a pod's creation to ready.
        end_seconds: From a pod's deletion to its end; 0 for at once.
        quiet: Share of readings that a pod leaves out.
        silences: Times without a metric.
        happenings: In their order.
        strategy: Of the Deployment.
        replicas: At first, if not `low`.
    """

    name: str
    metrics: tuple[Json, ...]
    shape: str
    low: int = 1
    high: int = 12
    peak: float = 9.0
    behavior: Json | None = None
    requests: Json = field(default_factory=lambda: {"app": dict(REQUESTS)})
    pending_seconds: float = 0.0
    start_seconds: float = 1.5
    end_seconds: float = 0.0
    quiet: float = 0.0
    silences: tuple[Silence, ...] = ()
    happenings: tuple[Happening, ...] = ()
    strategy: Json = field(default_factory=dict)
    replicas: int | None = None

    @property
    def spec(self) -> Json:
        """The HPA's spec, but for its target."""
        made: Json = {"minReplicas": self.low, "maxReplicas": self.high, "metrics": list(self.metrics)}
        return made if self.behavior is None else made | {"behavior": self.behavior}

    def levels(self, seed: int, metric: int, seconds: int = SECONDS) -> tuple[float, ...]:
        """The load of one metric, second by second; for `edges` in shares of the pods that are ready."""
        if self.shape == "edges":
            return tuple(_EDGES[second // _EDGE_SECONDS % len(_EDGES)] for second in range(seconds))
        chance = random.Random(f"{seed} {self.name} {metric}")  # noqa: S311  # a load, not a secret
        rates = FAMILIES[self.shape](np.random.default_rng(chance.getrandbits(32)))
        means = [float(part.mean()) for part in np.array_split(rates, seconds)]
        scale = self.peak / max(means)
        return tuple(mean * scale * chance.uniform(0.93, 1.07) for mean in means)
