"""Where the cost above the clairvoyant's goes: `python -m benchmarks.simulation.parts [--families ...]`.

Each column adds one part of the policy to those before it: by how many replica-seconds more, over the
clairvoyant's. They add up to the whole.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from benchmarks.simulation.runs import PEAKS, setting, world
from ekiben.scale.simulation import comparison, families, planned
from ekiben.scale.simulation.demand import Demand, Sizing
from ekiben.scale.simulation.engine import run
from ekiben.scale.simulation.policy import View
from ekiben.scale.simulation.references import Clairvoyant, needed
from ekiben.scale.simulation.traffic import Traffic

PARTS = (
    "starts ahead",
    "headroom",
    "lag, counting",
    "noise margin",
    "slope",
    "window",
    "limits",
    "start, drain",
)


class Watched(Demand):
    """The HPA on demand; keeps what it would have wanted at each sync, were it simpler.

    Args:
        sizing: Its numbers.
        traffic: Whose true rate it compares with.
    """

    def __init__(self, sizing: Sizing, traffic: Traffic) -> None:
        super().__init__(sizing)
        self._traffic, self._own = traffic, sizing
        self._recent: deque[tuple[float, int]] = deque()
        self.syncs: list[tuple[float, tuple[int, ...]]] = []

    def decide(self, view: View) -> int:
        """One sync, as ever."""
        found, own = super().decide(view), self._own
        rate, slope, margin = self.terms
        true = self._traffic.rate_at(view.now)
        sums = (true, rate, rate + margin, rate + margin + slope)
        wanted = [self._whole(each / own.target_rate) for each in sums]
        self._recent.append((view.now, wanted[-1]))
        while self._recent[0][0] <= view.now - own.down_window_seconds:
            self._recent.popleft()
        self.syncs.append((view.now, (*wanted, max(each for _, each in self._recent), found)))
        return found

    def _whole(self, demand: float) -> int:
        return min(max(self._own.low, math.ceil(demand)), self._own.high)


def parts(family: str, seed: int, start_seconds: float) -> list[float]:
    """What each part adds, over the clairvoyant's replica-seconds.

    Args:
        family: Of the traffic.
        seed: Of the traffic and the run.
        start_seconds: Of a replica.
    """
    traffic, whole, told = families.traffic(family, PEAKS[family], seed), world(start_seconds), setting()
    first = max(told.low, math.ceil(1.1 * float(traffic.rates[0]) / told.capacity))
    peak = comparison.peak_rate(traffic)
    policy = Watched(planned.sizing(planned.numbers(whole, told.capacity, peak, told.low)), traffic)
    cost = run(traffic, replace(whole, replicas=first), policy, seed).replica_seconds
    lead = whole.start.seconds + whole.start.endpoint_seconds
    floor = Clairvoyant(traffic, told.capacity, told.low, lead).replica_seconds
    exact = float(needed(traffic.rates, told.capacity, told.low).sum()) * traffic.step_seconds
    times = np.array([0.0, *(at for at, _ in policy.syncs), traffic.seconds])
    # Until the first sync there is what there was.
    held = [np.array([first, *(each[column] for _, each in policy.syncs)]) for column in range(6)]
    totals = [floor, exact, *(float((each * np.diff(times)).sum()) for each in held), cost]
    return [float(each) / floor for each in np.diff(totals)]


def table(names: Sequence[str], seed: int, start_seconds: float) -> list[str]:
    """The table in Markdown."""
    lines = [f"| family | {' | '.join(PARTS)} | all |", "|---" * (len(PARTS) + 2) + "|"]
    for family in names:
        found = parts(family, seed, start_seconds)
        lines.append(f"| {family} | {' | '.join(f'{each:+.3f}' for each in found)} | {sum(found):+.3f} |")
    return lines


def main(arguments: list[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulation.parts", description=__doc__)
    parser.add_argument(
        "--families", nargs="+", default=["constant", "ramp"], choices=list(families.FAMILIES)
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=float, default=15.0, help="seconds")
    options = parser.parse_args(arguments)
    for line in table(options.families, options.seed, options.start):
        print(line)  # noqa: T201 - a command line prints
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
