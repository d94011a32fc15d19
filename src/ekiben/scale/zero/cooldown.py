"""The cheapest cool-down that keeps the objective.

A cool-down decides which gaps are slept through: those that are longer. It is therefore a quantile of the
gaps, weighted by what each wake does to requests.

Source: Shahrad et al., "Serverless in the Wild", USENIX ATC 2020, section 4: keep-alive as a quantile of the
idle times.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ekiben.scale.simulation.traffic import Floats
from ekiben.scale.zero.gaps import Gaps
from ekiben.scale.zero.sleeping import Timing


@dataclass(frozen=True, slots=True)
class Prices:
    """What sleep saves and costs, in one unit, whatever it is.

    Attributes:
        asleep_second: Saved by a second without replicas.
        wake: Cost of a wake.
        standing: Cost over the whole trace of what has to be there for it.
    """

    asleep_second: float
    wake: float = 0.0
    standing: float = 0.0


def cheapest(gaps: Gaps, timing: Timing, prices: Prices, bad_ratio: float) -> int | None:
    """Find the cool-down that saves most among those that keep the objective.

    Between two lengths of gaps a longer cool-down sleeps through the same ones, for less time each: the
    best is the first whole second of such a stretch.

    Args:
        gaps: The trace.
        timing: All but its cool-down, which is not looked at.
        prices: What sleep saves and costs.
        bad_ratio: Share of all requests that may be bad, 0 to 1.

    Returns:
        Whole seconds, at least a wake; None where none saves anything.
    """
    if timing.wake_seconds == math.inf:
        return None
    order = np.argsort(gaps.lengths, kind="stable")
    lengths = gaps.lengths[order]
    wakes = _tail(np.append(np.ones(len(gaps.times)), 0.0)[order])
    bad = _tail(np.append(_bad_after(gaps, timing), 0)[order])
    sums = _tail(lengths)

    cooldowns = np.unique(np.ceil(np.append(lengths, timing.wake_seconds)))
    cooldowns = cooldowns[cooldowns >= timing.wake_seconds]
    unpaid = cooldowns + timing.late_seconds
    first = np.searchsorted(lengths, cooldowns, side="right")
    deep = np.searchsorted(lengths, unpaid, side="right")
    asleep = sums[deep] - (len(lengths) - deep) * unpaid
    net = prices.asleep_second * asleep - prices.wake * wakes[first] - prices.standing
    net[bad[first] > bad_ratio * len(gaps.times)] = -math.inf
    best = int(np.argmax(net))
    return int(cooldowns[best]) if net[best] > 0 else None


def _tail(values: Floats | NDArray[np.int64]) -> Floats:
    """Sums of each place and all behind it; 0 behind the last."""
    return np.append(np.cumsum(values[::-1])[::-1], 0.0)


def _bad_after(gaps: Gaps, timing: Timing) -> NDArray[np.int64]:
    """Bad requests of each gap, were it slept through: those too soon after the one that ends it."""
    soon = max(0.0, timing.wake_seconds - timing.bad_seconds)
    ends = np.searchsorted(gaps.times, gaps.times + soon, side="left")
    return np.asarray(ends - np.arange(len(gaps.times)), dtype=np.int64)
