"""How soon replicas come after a step of the load: pure."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from tests.live.sizes import Sizes

from ekiben.scale.load.schedule import Load, Segment

FACTOR = 3.0
# In targets of the fewest replicas: they are not busy before, and three times as much asks for more.
LOW_RATIO = 0.6
_PHASE_SECONDS = 15.0  # of metrics-server and of the HPA: the step falls anywhere in it
GOALS = {"patched p50": 14.0, "patched p95": 24.0, "ready p95": 30.0}  # seconds
STEPS = 50  # that the goals are stated over
Look = Sequence[float]  # seconds, desired, ready, ...


@dataclass(frozen=True, slots=True)
class Reaction:
    """What one step did.

    Attributes:
        begin: When it was, seconds since the start of the load.
        before: Replicas that were asked for.
        patched_seconds: From the step until more were asked for; infinity if that never was.
        ready_seconds: Until as many as were then asked for were ready; infinity if they never were.
        settled: Whether the fewest replicas, and no more, were asked for and ready just before.
    """

    begin: float
    before: int
    patched_seconds: float
    ready_seconds: float
    settled: bool


def load(sizes: Sizes, low_rate: float, seed: int, part: int) -> Load:
    """The load of a part: low and high in turn, each low as much longer as the phase is random.

    Args:
        sizes: How many steps, how long.
        low_rate: Requests per second before a step.
        seed: Of the phases.
        part: From 0; each has phases of its own.
    """
    chance = random.Random(f"{seed} steps {part}")  # noqa: S311 - a phase, not a secret
    segments = []
    for _ in range(sizes.steps):
        segments.append(Segment(low_rate, sizes.low_seconds + chance.uniform(0, _PHASE_SECONDS)))
        segments.append(Segment(FACTOR * low_rate, sizes.high_seconds))
    return Load(tuple(segments), "poisson")


def timed(looks: Sequence[Look], segments: Sequence[Sequence[float]], fewest: int) -> list[Reaction]:
    """Time each step of a part.

    Args:
        looks: What the API said, by ascending time: seconds since the start, desired, ready.
        segments: Of the load, as numbers; every second one is high.
        fewest: Replicas of the low load.
    """
    found, begin = [], 0.0
    for place, (_, seconds, _) in enumerate(segments):
        if place % 2:
            found.append(_timed(looks, begin, begin + seconds, fewest))
        begin += seconds
    return found


def _timed(looks: Sequence[Look], begin: float, end: float, fewest: int) -> Reaction:
    last = next((each for each in reversed(looks) if each[0] <= begin), None)
    before = int(last[1]) if last else 0
    settled = last is not None and (last[1], last[2]) == (fewest, fewest)
    during = [each for each in looks if begin < each[0] <= end]
    patched = next((each for each in during if each[1] > before), None)
    if patched is None:
        return Reaction(begin, before, math.inf, math.inf, settled)
    ready = next((each[0] for each in during if each[0] >= patched[0] and each[2] >= patched[1]), math.inf)
    return Reaction(begin, before, patched[0] - begin, ready - begin, settled)


def quantile(values: Sequence[float], share: float) -> float:
    """Nearest rank: the smallest value that at least this share does not exceed; NaN of none."""
    ascending = sorted(values)
    return ascending[math.ceil(share * len(ascending)) - 1] if ascending else math.nan


def figures(reactions: Sequence[Reaction]) -> dict[str, float]:
    """The quantiles that the goals are about, seconds, over steps that began settled."""
    valid = [each for each in reactions if each.settled]
    patched = [each.patched_seconds for each in valid]
    ready = [each.ready_seconds for each in valid]
    return {
        "patched p50": quantile(patched, 0.5),
        "patched p95": quantile(patched, 0.95),
        "ready p50": quantile(ready, 0.5),
        "ready p95": quantile(ready, 0.95),
    }


def met(reactions: Sequence[Reaction]) -> bool | None:
    """Whether the goals hold; None while too few steps count."""
    if sum(each.settled for each in reactions) < STEPS:
        return None
    found = figures(reactions)
    return all(found[name] <= goal for name, goal in GOALS.items())
