"""What one cool-down does to a trace: when it is asleep, and which requests find no replica.

No replica is wanted from `cooldown_seconds` after a request until the next one, which wakes the release;
those that come within `wake_seconds` of it find no replica. Both are the ends that hurt: a real sleep begins
later, a real wake takes less, and `late_seconds` of each sleep are counted as paid for. So no more requests
wait, none waits longer, and no less is saved than is found here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ekiben.errors import ConfigError
from ekiben.scale.simulation.traffic import Floats
from ekiben.scale.zero.gaps import Gaps


@dataclass(frozen=True, slots=True)
class Timing:
    """How fast a release sleeps and wakes, and how long a request waits for it.

    Attributes:
        cooldown_seconds: From a request to the earliest moment at which no replica is wanted.
        wake_seconds: From the request that wakes to a replica that answers, at most; infinite if nothing
            wakes.
        late_seconds: From `cooldown_seconds` to replicas that are gone, at most.
        patience_seconds: How long a request is held; 0 without anything that holds it.
        objective_seconds: An answer that took longer is bad.

    Raises:
        ConfigError: A cool-down that is over before a wake is, or a time below 0.
    """

    cooldown_seconds: float
    wake_seconds: float
    late_seconds: float
    patience_seconds: float
    objective_seconds: float

    def __post_init__(self) -> None:
        times = (self.wake_seconds, self.late_seconds, self.patience_seconds, self.objective_seconds)
        if not all(each >= 0 for each in (self.cooldown_seconds, *times)):
            raise ConfigError("expected times of 0 s or more")
        if self.cooldown_seconds < self.wake_seconds < math.inf:
            raise ConfigError(
                f"expected a cool-down of at least a wake, {self.wake_seconds:g} s, found "
                f"{self.cooldown_seconds:g} s: replicas would go before they were ready",
                remedy=f"give --cooldown-seconds {math.ceil(self.wake_seconds)} or more",
            )

    @property
    def bad_seconds(self) -> float:
        """A request that waits longer is bad: it has failed, or its answer is too late."""
        return min(self.patience_seconds, self.objective_seconds)


@dataclass(frozen=True, slots=True, eq=False)
class Sleep:
    """What came of a trace.

    Attributes:
        sleeps: How often no replica was wanted.
        wakes: How often a request ended that.
        asleep_seconds: For how long no replica was there, at least.
        waits: Of the requests that found no replica, seconds until one was ready, ascending.
        most_waiting: Largest number of them at one wake.
        failed: Those that waited longer than they were held.
        bad: Those that failed or were answered later than the objective.
    """

    sleeps: int
    wakes: int
    asleep_seconds: float
    waits: Floats
    most_waiting: int
    failed: int
    bad: int


def slept(gaps: Gaps, timing: Timing) -> Sleep:
    """Replay a trace; a replica is ready at its start."""
    cooldown = timing.cooldown_seconds
    begins = np.flatnonzero(gaps.lengths > cooldown)
    if timing.wake_seconds == math.inf:
        begins = begins[:1]  # nothing ends the first
    woken = gaps.times[begins[begins < len(gaps.times)]]
    by = np.searchsorted(woken, gaps.times, side="right") - 1  # which wake came before each request
    after = gaps.times[by >= 0]
    waits = woken[by[by >= 0]] + timing.wake_seconds - after
    found = waits > 0
    counts = np.bincount(by[by >= 0][found], minlength=1)
    long = np.sort(waits[found])
    return Sleep(
        sleeps=len(begins),
        wakes=0 if timing.wake_seconds == math.inf else len(woken),
        asleep_seconds=_asleep(gaps, timing, begins),
        waits=long,
        most_waiting=int(counts.max()),
        failed=int((long > timing.patience_seconds).sum()),
        bad=int((long > timing.bad_seconds).sum()),
    )


def _asleep(gaps: Gaps, timing: Timing, begins: np.ndarray) -> float:
    unpaid = timing.cooldown_seconds + timing.late_seconds
    if timing.wake_seconds == math.inf and len(begins):
        since = gaps.seconds - float(gaps.lengths[: begins[0]].sum())
        return max(0.0, since - unpaid)
    return float(np.maximum(0.0, gaps.lengths[begins] - unpaid).sum())
