"""Kinds of faults, and a lane's life: a load that is known, and a fault in every episode. Pure and seeded."""

from __future__ import annotations

import math
import random
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tests.oracles.metric_faults.autoscalers import Subject

Shape = Literal["flat", "rising", "falling"]
_SHAPES: tuple[Shape, ...] = ("flat", "rising", "falling")

# What is said instead of the demand. KEDA makes an error of the first group, and holds nothing back itself.
ERRORS = (
    "demand-500",
    "demand-hangs",  # until the API server gives up
    "demand-cut",  # the connection ends without an answer
    "demand-prometheus-late",  # KEDA gives up on Prometheus
    "demand-empty",
    "demand-several-series",
    "demand-nan",
    "demand-inf",
    "demand-unknown-name",
)
LIES = ("demand-zero", "demand-negative", "demand-stale", "demand-counter-reset")
_TRUE_ENOUGH = ("demand-huge", "demand-skew")
CPU = ("cpu-500", "cpu-hangs", "cpu-none", "cpu-some", "cpu-skew", "cpu-zero")
BOTH = ("both-500", "both-none")
# Those of the whole control plane, which every HPA meets at once.
PLANE = (
    "external-api-deleted",
    "external-api-dead",
    "cpu-api-deleted",
    "adapter-restart",
    "manager-killed",
)
OWN = {
    "demand": (*ERRORS, *LIES, *_TRUE_ENOUGH, *CPU, *BOTH),
    "cpu": (*CPU, "both-500", "both-none"),
    "stock": (*ERRORS, *LIES, *_TRUE_ENOUGH),
}
# Demand is away, CPU is there.
DEMAND_AWAY = (*ERRORS, "external-api-deleted", "external-api-dead")
_LENGTHS = (1.0, 2.0, 4.0, 8.0, 12.0, 16.0)  # seconds; ekiben's window is 9 of them, the stock one 10
_LOW, _HIGH = 3.2, 13.5  # load, replicas
_LOW_MOST = 5.5  # of a load that grows in each fault
_STEP_SECONDS = 0.05
_RISE_SECONDS, _FOLLOW_SECONDS = 8.0, 24.0  # of a fault, and until replicas have followed


def is_lie(subject: str, kind: str) -> bool:
    """A plausible number below the truth, from the only exact source that this HPA has of it."""
    return kind == "cpu-zero" if subject == "cpu" else kind in LIES


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        kind: One of the above.
        begin: Seconds since the HPA was made.
        end: Likewise.
        shape: Of the load around it.
        step: When the load begins to change.
    """

    kind: str
    begin: float
    end: float
    shape: Shape
    step: float


@dataclass(frozen=True, slots=True)
class Life:
    """What happens in a lane.

    Attributes:
        faults: In their order, none overlapping.
        times: Where the load bends, seconds; strictly growing.
        loads: At those times, replicas.
    """

    faults: tuple[Fault, ...]
    times: tuple[float, ...]
    loads: tuple[float, ...]

    def load(self, second: float) -> float:
        """The true demand, replicas."""
        place = bisect_right(self.times, second)
        if place == 0:
            return self.loads[0]
        if place == len(self.times):
            return self.loads[-1]
        (a, b), (x, y) = self.times[place - 1 : place + 1], self.loads[place - 1 : place + 1]
        return x + (y - x) * (second - a) / (b - a)

    def least(self, begin: float, end: float) -> float:
        """The least true demand of a time, replicas."""
        bends = [load for at, load in zip(self.times, self.loads, strict=True) if begin < at < end]
        return min(self.load(begin), self.load(end), *bends)

    def fault(self, second: float) -> Fault | None:
        """The fault at a time."""
        return next((each for each in self.faults if each.begin <= second < each.end), None)

    def since(self, second: float) -> Fault | None:
        """The last fault that has begun."""
        begun = [each for each in self.faults if each.begin <= second]
        return begun[-1] if begun else None


@dataclass(frozen=True, slots=True)
class Span:
    """When a fault is, before anybody says what the load does."""

    kind: str
    begin: float
    end: float


def spans(kinds: Sequence[str], seconds: float, chance: random.Random, pause: float) -> list[Span]:
    """Faults one after another until the time is up, each kind about equally often.

    Args:
        kinds: Of faults.
        seconds: How long the run lasts.
        chance: Of lengths and order.
        pause: The least time between two, seconds.
    """
    made: list[Span] = []
    left: list[str] = []
    at = 3.0
    while True:
        begin = at + chance.uniform(pause, pause + 3)
        end = begin + chance.choice(_LENGTHS)
        if end + 2 > seconds:
            return made
        if not left:
            left = list(kinds)
            chance.shuffle(left)
        made.append(Span(left.pop(), round(begin, 3), round(end, 3)))
        at = end


def life(found: Sequence[Span], chance: random.Random) -> Life:
    """A load around faults: what it does in each, and when, is drawn."""
    load = chance.uniform(_LOW, _HIGH)
    faults, times, loads = [], [0.0], [load]
    for span in found:
        shape = _shape(load, chance)
        step = max(times[-1] + 0.1, chance.uniform(span.begin - 2, span.end))
        takes = chance.choice((_STEP_SECONDS, _STEP_SECONDS, 3.0))  # a step, or a ramp
        if shape == "rising":
            to = min(_HIGH, load * chance.uniform(1.6, 2.6))
        else:
            to = max(_LOW, load * chance.uniform(0.3, 0.7)) if shape == "falling" else load
        times += [round(step, 3), round(step + takes, 3)]
        loads += [load, to]
        faults.append(Fault(span.kind, span.begin, span.end, shape, round(step, 3)))
        load = to
    return Life(tuple(faults), tuple(times), tuple(round(each, 3) for each in loads))


def rises(kinds: Sequence[str], seconds: float, chance: random.Random) -> Life:
    """A load that grows by a step in each fault, and falls so long before the next that replicas follow.

    Args:
        kinds: Of faults.
        seconds: How long the run lasts.
        chance: Of sizes, times and order.
    """
    low = round(chance.uniform(_LOW, _LOW_MOST), 3)
    faults: list[Fault] = []
    times, loads, left = [0.0], [low], list(kinds)
    chance.shuffle(left)
    begin = round(chance.uniform(3, 8), 3)
    while begin + _RISE_SECONDS + 2 <= seconds:
        step, end = round(begin + chance.uniform(0.2, 2.0), 3), round(begin + _RISE_SECONDS, 3)
        to = round(low * chance.uniform(1.5, 2.3), 3)
        times += [step, round(step + _STEP_SECONDS, 3), end, round(end + _STEP_SECONDS, 3)]
        loads += [low, to, to, low]
        faults.append(Fault(left[len(faults) % len(left)], begin, end, "rising", step))
        begin = round(end + chance.uniform(_FOLLOW_SECONDS, _FOLLOW_SECONDS + 3), 3)
    return Life(tuple(faults), tuple(times), tuple(loads))


def _shape(load: float, chance: random.Random) -> Shape:
    fits = [
        each
        for each in _SHAPES
        if not (each == "rising" and load * 1.6 > _HIGH) and not (each == "falling" and load * 0.7 < _LOW)
    ]
    return chance.choice(fits)


def needed(subject: Subject, least: float, ready: int) -> int:
    """Replicas that carry a load.

    By CPU alone a load is known to a whole percent of use (the HPA cuts it), so that much less is no fault.
    """
    known = least
    if not subject.asks_demand:
        known = least - ready / subject.target_percent
    return min(subject.high, max(subject.low, math.ceil(round(known, 3))))
