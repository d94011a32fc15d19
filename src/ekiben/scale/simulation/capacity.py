"""What one simulated replica can serve within the objective: found by simulating."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ekiben.scale.simulation.engine import World, run
from ekiben.scale.simulation.others import Static
from ekiben.scale.simulation.traffic import Traffic

_HALVINGS = 8
_REPLICAS = 10
_MOST_REQUESTS = 2_000_000  # of a trial: fast replicas show as much in less time


def within_objective(
    world: World, violating_ratio: float, seed: int, seconds: float = 600.0, replicas: int = _REPLICAS
) -> float:
    """The largest constant rate per replica of which at most that share violates the objective.

    Args:
        world: Replicas and objective.
        violating_ratio: Most violations, 0 to 1.
        seed: Draws everything; the same for each rate, so that the search is monotone but for noise.
        seconds: Length of each trial; less where that would be more than 2 million requests.
        replicas: How many share the load; balancers waste more with few.

    Returns:
        Requests per second, to 0.4 % of what the workers can do; 0 if no rate meets it.
    """
    whole = replace(world, replicas=replicas)
    low, high = 0.0, world.service.most_rate
    steps = max(1, int(min(seconds, _MOST_REQUESTS / (high * replicas))))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        rates = np.full(steps, middle * replicas)
        traffic = Traffic.drawn(rates, np.random.default_rng(seed))
        if run(traffic, whole, Static(replicas), seed).violating_ratio <= violating_ratio:
            low = middle
        else:
            high = middle
    return low
