"""What a run comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ekiben.scale.simulation.traffic import Floats, Traffic

_WINDOW_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """Violations, cost and actions of one run.

    Attributes:
        requests: How many arrived.
        violating_ratio: Share of them that took longer than the objective, or got no answer.
        failed_ratio: Share of them that got no answer.
        worst_ratio: Violating share of the worst 5 minutes.
        p99_seconds: Of those that were answered; 0 if none was.
        replica_seconds: From each decision to start one until it was gone.
        actions: Changes of the number of replicas.
        flips: Changes of direction among them.
        most: Largest number of replicas asked for.
        path: (seconds, replicas) of each change.
    """

    requests: int
    violating_ratio: float
    failed_ratio: float
    worst_ratio: float
    p99_seconds: float
    replica_seconds: float
    actions: int
    flips: int
    most: int
    path: tuple[tuple[float, int], ...]


def measured(
    latencies: Floats,
    traffic: Traffic,
    objective_seconds: float,
    cost_seconds: float,
    path: Sequence[tuple[float, int]],
) -> Outcome:
    """Sum a run up.

    Args:
        latencies: Seconds; infinity where there was no answer.
        traffic: What arrived.
        objective_seconds: Longer is a violation.
        cost_seconds: Replica-seconds.
        path: Replicas at the start and at each change.
    """
    bad = latencies > objective_seconds
    answered = latencies[np.isfinite(latencies)]
    windows = (traffic.times / _WINDOW_SECONDS).astype(np.int64)
    counts = np.bincount(windows)
    worst = np.bincount(windows, weights=bad)[counts > 0] / counts[counts > 0]
    replicas = np.array([count for _, count in path])
    directions = np.sign(np.diff(replicas))
    total = max(1, len(latencies))
    return Outcome(
        requests=len(latencies),
        violating_ratio=float(bad.sum()) / total,
        failed_ratio=1 - len(answered) / total if len(latencies) else 0.0,
        worst_ratio=float(worst.max(initial=0.0)),
        p99_seconds=float(np.quantile(answered, 0.99)) if len(answered) else 0.0,
        replica_seconds=cost_seconds,
        actions=len(directions),
        flips=int((directions[1:] != directions[:-1]).sum()),
        most=int(replicas.max()),
        path=tuple(path),
    )
