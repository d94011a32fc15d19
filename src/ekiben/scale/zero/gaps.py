"""Stretches of a trace in which nobody asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from ekiben.scale.simulation.traffic import Floats, Traffic


@dataclass(frozen=True, slots=True, eq=False)
class Gaps:
    """A trace as the times of its requests and what lies between them.

    Attributes:
        times: Of requests, seconds since the start, ascending, shape (n,).
        lengths: Seconds without a request, shape (n + 1,): the i-th ends with the i-th request, the last
            with the trace. The first counts from the start, as if a request had come then.
        seconds: Length of the trace.
    """

    times: Floats
    lengths: Floats
    seconds: float

    @classmethod
    def of(cls, traffic: Traffic) -> Self:
        """Take the requests of a trace."""
        edges = np.concatenate(([0.0], traffic.times, [traffic.seconds]))
        return cls(traffic.times, np.diff(edges), traffic.seconds)
