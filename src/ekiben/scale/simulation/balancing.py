"""How requests find a replica."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np

from ekiben.scale.simulation.queueing import Queue, take_in_turn
from ekiben.scale.simulation.traffic import Floats

Balancing = Literal["random", "round-robin", "two-choices", "sticky"]
BALANCINGS: tuple[Balancing, ...] = ("random", "round-robin", "two-choices", "sticky")


class Balancer(Protocol):
    """Sends arrivals to queues."""

    def send(self, times: Floats, services: Floats, queues: list[Queue], patience: float) -> Floats:
        """Send arrivals, ascending in time, to at least one queue.

        Returns:
            When each ends, seconds; infinity where the client gave up.
        """
        ...


def balancer(name: Balancing, generator: np.random.Generator) -> Balancer:
    """The balancer of a name.

    Args:
        name: `random` is kube-proxy with a connection per request; `round-robin` is IPVS or a proxy;
            `two-choices` the less busy of two at random; `sticky` is kube-proxy with connections that stay.
        generator: Draws what is drawn.
    """
    if name == "two-choices":
        return _TwoChoices(generator)
    if name == "sticky":
        return _Sticky(generator)
    return _Random(generator) if name == "random" else _RoundRobin()


def _to_chosen(
    chosen: np.ndarray, times: Floats, services: Floats, queues: list[Queue], patience: float
) -> Floats:
    """Each queue takes its own arrivals at once: the choice does not depend on the queues."""
    if not len(times):
        return times
    ends = np.empty(len(times))
    order = np.argsort(chosen.astype(np.uint16), kind="stable")  # so narrow, it is sorted by counting
    bounds = np.searchsorted(chosen[order], np.arange(len(queues) + 1))
    if all(len(queue.free) == 1 for queue in queues):
        taken = take_in_turn(queues, bounds, times[order], services[order], patience)
        if taken is not None:
            ends[order] = taken
            return ends
    for number, queue in enumerate(queues):
        own = order[bounds[number] : bounds[number + 1]]
        if len(own):
            ends[own] = queue.take(times[own].tolist(), services[own].tolist(), patience)
    return ends


class _Random:
    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator

    def send(self, times: Floats, services: Floats, queues: list[Queue], patience: float) -> Floats:
        chosen = self._generator.integers(len(queues), size=len(times))
        return _to_chosen(chosen, times, services, queues, patience)


class _RoundRobin:
    def __init__(self) -> None:
        self._next = 0

    def send(self, times: Floats, services: Floats, queues: list[Queue], patience: float) -> Floats:
        chosen = (self._next + np.arange(len(times))) % len(queues)
        self._next = (self._next + len(times)) % len(queues)
        return _to_chosen(chosen, times, services, queues, patience)


class _TwoChoices:
    """The one with fewer requests in progress, of two at random.

    Source: Mitzenmacher, The power of two choices in randomized load balancing, 2001.
    """

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator

    def send(self, times: Floats, services: Floats, queues: list[Queue], patience: float) -> Floats:
        pairs = self._generator.integers(len(queues), size=(len(times), 2)).tolist()
        ends = []
        for time, service, (one, other) in zip(times.tolist(), services.tolist(), pairs, strict=True):
            queue, second = queues[one], queues[other]
            if queue.in_progress(time) > second.in_progress(time):
                queue = second
            ends.append(queue.take_one(time, service, patience))
        return np.array(ends)


class _Sticky:
    """Connections that stay with a replica until it leaves, or until they are as old as they get."""

    CONNECTIONS = 200
    LIFETIME_SECONDS = 60.0

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator
        self._owner: list[Queue | None] = [None] * self.CONNECTIONS
        self._now = 0.0

    def send(self, times: Floats, services: Floats, queues: list[Queue], patience: float) -> Floats:
        places = {id(queue): number for number, queue in enumerate(queues)}
        share = 1 - np.exp(-(times[-1] - self._now) / self.LIFETIME_SECONDS) if len(times) else 0.0
        self._now = times[-1] if len(times) else self._now
        renewed = self._generator.random(self.CONNECTIONS) < share
        fresh = self._generator.integers(len(queues), size=self.CONNECTIONS)
        for number, owner in enumerate(self._owner):
            if renewed[number] or id(owner) not in places:
                self._owner[number] = queues[fresh[number]]
        of = np.array([places[id(owner)] for owner in self._owner])
        chosen = of[self._generator.integers(self.CONNECTIONS, size=len(times))]
        return _to_chosen(chosen, times, services, queues, patience)
