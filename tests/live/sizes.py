"""How long each measurement takes: in full, and short enough to see that everything works."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """Lengths and counts.

    Attributes:
        bad_ratio: Share of requests that may be bad, 0-1.
        search_seconds: For the search of one replica's C*, seconds; 0 takes a part of what it can do for C*.
        hold_seconds: Longest time at 1.8 C* on two replicas, seconds.
        turns: How often one and two replicas are saturated, in turns.
        turn_seconds: Of each, seconds.
        service_seconds: Of the light load that service times are taken from, seconds.
        stretch: Length of a load shape over that of the full one, above 0.
        shapes: How many of the shapes.
        parts: Of the steps.
        steps: In each part.
        low_seconds: Before each step, at least; the replicas come down meanwhile, seconds.
        high_seconds: After each step, seconds.
    """

    bad_ratio: float
    search_seconds: float
    hold_seconds: float
    turns: int
    turn_seconds: float
    service_seconds: float
    stretch: float
    shapes: int
    parts: int
    steps: int
    low_seconds: float
    high_seconds: float


# A step lasts 0.12 of the search: at two thirds of the 110 requests/s that a replica can do, it takes about
# two minutes to tell 1 % of bad requests, so correlated are they in a queue (tried on simulated ones).
FULL = Sizes(
    bad_ratio=0.01,
    search_seconds=1500,
    hold_seconds=300,
    turns=8,
    turn_seconds=4,
    service_seconds=30,
    stretch=1.0,
    shapes=4,
    parts=10,
    steps=5,
    low_seconds=60,
    high_seconds=45,
)
# Nothing is shown in so little time.
SHORT = Sizes(
    bad_ratio=0.05,
    search_seconds=0,
    hold_seconds=20,
    turns=1,
    turn_seconds=2,
    service_seconds=5,
    stretch=0.2,
    shapes=1,
    parts=1,
    steps=1,
    low_seconds=60,
    high_seconds=45,
)
