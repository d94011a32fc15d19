"""The replicas: they start, are ready, drain and are gone, and cost from the first second to the last."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from ekiben.scale.simulation.queueing import Queue
from ekiben.scale.simulation.service import Service, Start


@dataclass(slots=True, eq=False)
class Replica:
    """One pod.

    Attributes:
        name: Unique in a run.
        created: When it was decided, seconds.
        ready: When it will be, or was, ready, seconds.
        reachable: From when the balancer sends to it.
        queue: Its work.
        deleted: When it was told to go; infinity before.
    """

    name: str
    created: float
    ready: float
    reachable: float
    queue: Queue
    deleted: float = math.inf


@dataclass(slots=True)
class Fleet:
    """All replicas of a run.

    Attributes:
        service: What each does.
        start: How each starts.
        generator: Draws starts.
        wanted: The scale's spec.
        active: Not told to go.
        leaving: Told to go, and perhaps still reached or at work.
        cost_seconds: Replica-seconds of those that are gone.
    """

    service: Service
    start: Start
    generator: np.random.Generator
    wanted: int = 0
    active: list[Replica] = field(default_factory=list)
    leaving: list[Replica] = field(default_factory=list)
    cost_seconds: float = 0.0
    _made: int = 0

    def begin(self, count: int) -> None:
        """Have replicas that are ready when the run starts."""
        for _ in range(count):
            self._add(0.0, 0.0, reachable=0.0)
        self.wanted = count

    def scale(self, count: int, now: float) -> None:
        """Add replicas, or tell some to go: first those that are not ready, then the youngest.

        Source: https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#scaling-a-replicaset
        """
        self.wanted = count
        while len(self.active) < count:
            ready = now + self.start.draw(self.generator)
            self._add(now, ready, reachable=ready + self.start.endpoint_seconds)
        if len(self.active) > count:
            self.active.sort(key=lambda each: (each.ready > now, each.created))
            for each in self.active[count:]:
                each.deleted = now
                self.leaving.append(each)
            del self.active[count:]

    def reached(self, now: float) -> list[Queue]:
        """Queues that the balancer sends to; one that was told to go is still sent to for a while."""
        lag = self.start.endpoint_seconds
        late = [each for each in self.leaving if now < each.deleted + lag and each.ready <= each.deleted]
        return [each.queue for each in (*self.active, *late) if each.reachable <= now]

    def next_change(self, now: float) -> float:
        """When `reached` changes next, seconds; infinity if it does not."""
        lag = self.start.endpoint_seconds
        times = [each.reachable for each in self.active]
        times += [time for each in self.leaving for time in (each.reachable, each.deleted + lag)]
        return min((time for time in times if time > now), default=math.inf)

    def sweep(self, now: float) -> None:
        """Let those go that are neither sent to nor at work."""
        lag = self.start.endpoint_seconds
        left = []
        for each in self.leaving:
            begun = each.ready <= each.deleted
            end = max(each.deleted + lag, each.queue.last_end) if begun else each.deleted
            if end > now:
                left.append(each)
            else:
                self.cost_seconds += end - each.created
        self.leaving = left

    def total_cost_seconds(self, end: float) -> float:
        """Replica-seconds up to the end of the run."""
        return self.cost_seconds + sum(end - each.created for each in (*self.active, *self.leaving))

    def _add(self, created: float, ready: float, *, reachable: float) -> None:
        self._made += 1
        queue = Queue(self.service.workers, ready)
        self.active.append(Replica(f"p{self._made}", created, ready, reachable, queue))
