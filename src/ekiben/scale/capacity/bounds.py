"""All steps together: the share of bad requests does not fall when the rate rises.

Source: isotonic regression by pooling adjacent violators, R. Barlow, D. Bartholomew, J. Bremner, H. Brunk,
"Statistical Inference under Order Restrictions", 1972, section 1.2.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from ekiben.scale.capacity.step import Objective, Step

_HALF = 0.5  # of a bad request: a share of 0 has no logarithm


@dataclass(frozen=True, slots=True)
class Bound:
    """The share of bad requests at one rate.

    Attributes:
        rate: Requests per second.
        lower: Lower bound of the share, 0-1.
        fit: Isotonic fit of the share, 0-1.
        upper: Upper bound, 0-1.
        requests: Effective requests behind it.
    """

    rate: float
    lower: float
    fit: float
    upper: float
    requests: float


def bounds(steps: Sequence[Step], objective: Objective, alpha: float) -> tuple[Bound, ...]:
    """Fit valid steps.

    What holds at a higher rate holds at a lower one: its upper bound is the least of those at and above it,
    its lower bound the largest of those at and below it.

    Args:
        steps: At least one.
        objective: What is asked.
        alpha: Probability that one bound of one step is wrong, 0-1.

    Returns:
        By ascending rate, one for each step.
    """
    ascending = sorted(steps, key=lambda step: step.rate)
    weights = [step.requests / step.effect for step in ascending]
    fit = optimize.isotonic_regression([step.bad_ratio for step in ascending], weights=weights).x
    own = [step.bounds(objective, alpha) for step in ascending]
    lower = np.maximum.accumulate([low for low, _ in own])
    upper = np.minimum.accumulate([high for _, high in own][::-1])[::-1]
    return tuple(
        Bound(step.rate, float(low), float(share), float(high), weight)
        for step, low, share, high, weight in zip(ascending, lower, fit, upper, weights, strict=True)
    )


def estimate(found: Sequence[Bound], bad_ratio: float) -> float:
    """Rate at which the fit crosses a share of bad requests, requests/s.

    Between two steps the logarithm of the share is taken as linear in the rate, as it is for M/M/1 queues.

    Args:
        found: By ascending rate, at least one.
        bad_ratio: The share, 0 to 1, both excluded.

    Returns:
        Rate of the last step if the fit stays below, of the first if it lies above throughout.
    """
    points = [(each.rate, max(each.fit, _HALF / max(each.requests, 1.0))) for each in found]
    if points[0][1] > bad_ratio:
        return points[0][0]
    for (rate, share), (next_rate, next_share) in itertools.pairwise(points):
        if next_share > bad_ratio:
            part = math.log(bad_ratio / share) / math.log(next_share / share)
            return rate + part * (next_rate - rate)
    return points[-1][0]
