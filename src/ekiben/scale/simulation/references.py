"""References: what could be known at best, with and without the future."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ekiben.scale.simulation.policy import Policy, View
from ekiben.scale.simulation.traffic import Floats, Traffic


def needed(rates: Floats, rate_per_replica: float, low: int) -> NDArray[np.int64]:
    """Replicas that each step needs, at least `low`."""
    return np.maximum(low, np.ceil(rates / rate_per_replica - 1e-9).astype(np.int64))


def schedule(need: NDArray[np.int64], lead_steps: int) -> NDArray[np.int64]:
    """The cheapest replicas, in replica-steps, that are always enough and start `lead_steps` before they are.

    A replica costs from the beginning of its start. The k-th replica is needed in some stretches; between two
    of them it is cheaper to keep it than to start it anew where the gap is not longer than the start. No
    choice of one replica touches another's, so this is the optimum that a dynamic programme over time and
    replicas finds.

    Args:
        need: Replicas needed in each step.
        lead_steps: Length of a start in steps, 0 and up.

    Returns:
        Replicas that are started or there, in each step.
    """
    steps, total = len(need), np.zeros(len(need), dtype=np.int64)
    for level in range(1, int(need.max(initial=0)) + 1):
        padded = np.concatenate(([False], need >= level, [False]))
        edges = np.flatnonzero(padded[1:] != padded[:-1])
        begins, ends = np.maximum(0, edges[::2] - lead_steps), edges[1::2]
        change = np.zeros(steps + 1, dtype=np.int64)
        np.add.at(change, begins, 1)
        np.add.at(change, ends, -1)
        total += np.cumsum(change[:-1]) > 0
    return total


class Clairvoyant(Policy):
    """Knows the rate of every second, and starts replicas ahead of it: nothing that is enough costs less.

    Args:
        traffic: Whose rates it knows.
        rate_per_replica: What one replica can serve within the objective.
        low: Least replicas.
        lead_seconds: Length of a start until requests arrive.
    """

    interval_seconds = 1.0

    def __init__(self, traffic: Traffic, rate_per_replica: float, low: int, lead_seconds: float) -> None:
        self.name = "clairvoyant"
        self._step = traffic.step_seconds
        need = needed(traffic.rates, rate_per_replica, low)
        self.replicas = schedule(need, int(np.ceil(lead_seconds / self._step)))

    @property
    def replica_seconds(self) -> float:
        """What its schedule costs."""
        return float(self.replicas.sum()) * self._step

    def decide(self, view: View) -> int:
        """As scheduled."""
        return int(self.replicas[min(int(view.now / self._step), len(self.replicas) - 1)])


class Causal(Policy):
    """Knows the rate of this second and acts at once, without a forecast.

    Args:
        traffic: Whose rates it sees.
        rate_per_replica: Target of a replica.
        low: Least replicas.
        keep_seconds: A need is kept so long, so that no replica goes that is started again at once.
    """

    interval_seconds = 1.0

    def __init__(self, traffic: Traffic, rate_per_replica: float, low: int, keep_seconds: float) -> None:
        self.name = "causal"
        self._traffic = traffic
        self._need = needed(traffic.rates, rate_per_replica, low)
        self._keep = keep_seconds

    def decide(self, view: View) -> int:
        """The most that was needed of late."""
        step = self._traffic.step_seconds
        last = min(int(view.now / step), len(self._need) - 1)
        first = max(0, min(last, int((view.now - self._keep) / step)))
        return int(self._need[first : last + 1].max())
