"""Policies side by side on one traffic: who decides, and what it comes to."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from ekiben.errors import ConfigError
from ekiben.scale.simulation import kubernetes, others, planned
from ekiben.scale.simulation.demand import Demand
from ekiben.scale.simulation.engine import World, run
from ekiben.scale.simulation.outcome import Outcome
from ekiben.scale.simulation.policy import Policy
from ekiben.scale.simulation.references import Causal, Clairvoyant
from ekiben.scale.simulation.traffic import Traffic

_FORECAST_ERROR = 1.5  # most replicas, over those that the peak needs
_PEAK_SECONDS = 60.0
_KEDA_SHARE = 0.7  # of what a replica can do at most: the usual guess
_KNATIVE_SHARE = 0.7  # container-concurrency-target-percentage
_RAY_TARGET = 2.0  # target_ongoing_requests
_CLAIRVOYANT = "clairvoyant"


@dataclass(frozen=True, slots=True)
class Setting:
    """What the policies are told.

    Attributes:
        capacity: Requests per second that a replica serves within the objective (C*).
        low: Least replicas.
        targets: HPAs on demand, by name: requests per second that one replica is for (tau); None for what a
            plan derives.

    Raises:
        ConfigError: A capacity or a target that cannot be.
    """

    capacity: float
    low: int = 2
    targets: Mapping[str, float | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 < self.capacity < math.inf:
            raise ConfigError(
                f"expected a capacity above 0 requests/s within the objective, found {self.capacity!r}",
                remedy="allow a longer latency, or a shorter service time",
            )
        if self.low < 1 or not all(each is None or 0 < each < math.inf for each in self.targets.values()):
            raise ConfigError("expected at least one replica and targets above 0 requests/s")


@dataclass(frozen=True, slots=True)
class Row:
    """One policy on one traffic.

    Attributes:
        policy: Its name.
        outcome: What it came to.
        cost_ratio: Its replica-seconds over those of the clairvoyant's schedule.
    """

    policy: str
    outcome: Outcome
    cost_ratio: float


def peak_rate(traffic: Traffic) -> float:
    """Requests per second of the busiest minute."""
    width = max(1, min(len(traffic.rates), round(_PEAK_SECONDS / traffic.step_seconds)))
    sums = traffic.rates.cumsum()
    return float(max((sums[width:] - sums[:-width]).max(initial=0.0), sums[width - 1]) / width)


def policies(traffic: Traffic, world: World, setting: Setting) -> dict[str, Callable[[], Policy]]:
    """Makers by name, the clairvoyant first; each policy holds state, so each run makes its own."""
    capacity, low, most = setting.capacity, setting.low, world.service.most_rate
    workers = float(world.service.workers)
    peak = math.ceil(peak_rate(traffic) / capacity)
    high = max(low, math.ceil(_FORECAST_ERROR * peak) + 1)
    lead = world.start.seconds + world.start.endpoint_seconds
    made: dict[str, Callable[[], Policy]] = {
        _CLAIRVOYANT: lambda: Clairvoyant(traffic, capacity, low, lead),
        "causal": lambda: Causal(traffic, capacity / 1.1, low, keep_seconds=2 * lead),
    }
    for name, target in setting.targets.items():
        made[name] = partial(_demand, target, world, setting, peak_rate(traffic))
    for percent in (50, 70, 80):
        made[f"HPA CPU {percent} %"] = partial(kubernetes.on_cpu, percent, low, high, workers)
    return made | {
        "KEDA requests/s": lambda: kubernetes.on_served_rate(_KEDA_SHARE * most, low, high),
        "Knative KPA": lambda: others.Knative(_KNATIVE_SHARE * workers, low, high),
        "Ray Serve": lambda: others.Ray(_RAY_TARGET, low, high),
        "BentoCloud concurrency": lambda: kubernetes.on_in_progress(workers, low, high),
        "SageMaker 0.5": lambda: others.SageMaker(most, low, high),
        "static peak": lambda: others.Static(max(low, peak)),
    }


def _demand(target: float | None, world: World, setting: Setting, peak: float) -> Policy:
    return Demand(planned.sizing(planned.numbers(world, setting.capacity, peak, setting.low, target)))


def compared(
    traffic: Traffic, world: World, setting: Setting, seed: int, names: Sequence[str] | None = None
) -> Iterator[Row]:
    """Run policies one after the other on the same requests.

    Args:
        traffic: What arrives.
        world: Replicas and objective; how many there are at the start follows from the traffic.
        setting: What the policies are told.
        seed: The same for all.
        names: Which; all by default.

    Raises:
        ConfigError: A name that no policy has.
    """
    makers = policies(traffic, world, setting)
    unknown = sorted(set(names or ()) - set(makers))
    if unknown:
        raise ConfigError(f"expected policies of {', '.join(makers)}; found {', '.join(unknown)}")
    floor = Clairvoyant(
        traffic, setting.capacity, setting.low, world.start.seconds + world.start.endpoint_seconds
    ).replica_seconds
    first = max(setting.low, math.ceil(1.1 * float(traffic.rates[0]) / setting.capacity))
    whole = replace(world, replicas=first)
    for name in names or makers:
        found = run(traffic, whole, makers[name](), seed)
        yield Row(name, found, found.replica_seconds / floor)
