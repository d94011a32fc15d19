"""One run: requests between control events, and control events in the order of time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ekiben.errors import ConfigError
from ekiben.scale.simulation.balancing import BALANCINGS, Balancing, balancer
from ekiben.scale.simulation.fleet import Fleet
from ekiben.scale.simulation.monitoring import Monitor
from ekiben.scale.simulation.outcome import Outcome, measured
from ekiben.scale.simulation.policy import Policy, View
from ekiben.scale.simulation.service import Service, Start
from ekiben.scale.simulation.traffic import Traffic

_METRICS_SERVER_SECONDS = 15.0  # --metric-resolution, its default


@dataclass(frozen=True, slots=True)
class World:
    """What all policies of a comparison share.

    Attributes:
        service: One replica's work.
        start: One replica's start.
        objective_seconds: A request that takes longer is a violation.
        timeout_seconds: Clients give up waiting after it.
        balancing: How requests find a replica.
        replicas: At the start, all ready.

    Raises:
        ConfigError: Times not above 0, no replicas, or an unknown balancer.
    """

    service: Service
    start: Start = field(default_factory=Start)
    objective_seconds: float = 0.1
    timeout_seconds: float = 5.0
    balancing: Balancing = "random"
    replicas: int = 2

    def __post_init__(self) -> None:
        if not (0 < self.objective_seconds < math.inf and 0 < self.timeout_seconds < math.inf):
            raise ConfigError("expected an objective and a time-out above 0 s")
        if self.replicas < 1:
            raise ConfigError(f"expected at least one replica at the start, found {self.replicas}")
        if self.balancing not in BALANCINGS:
            raise ConfigError(f"expected a balancer of {', '.join(BALANCINGS)}, found {self.balancing!r}")


def run(traffic: Traffic, world: World, policy: Policy, seed: int) -> Outcome:
    """Simulate.

    Args:
        traffic: What arrives.
        world: Replicas and objective.
        policy: What decides; one that has not been run before.
        seed: Draws service times, starts, phases and the balancer's choices.

    Returns:
        Violations, cost and actions.
    """
    return _Run(traffic, world, policy, seed).outcome()


class _Run:
    def __init__(self, traffic: Traffic, world: World, policy: Policy, seed: int) -> None:
        # Streams of their own: a policy that starts more replicas changes no request's service time.
        draws, starts, choices, phases = (
            np.random.default_rng(each) for each in np.random.SeedSequence(seed).spawn(4)
        )
        self._traffic, self._world, self._policy = traffic, world, policy
        self._services = world.service.draw(draws, len(traffic.times))
        self._ends = np.full(len(traffic.times), math.inf)
        self._fleet = Fleet(world.service, world.start, starts)
        self._fleet.begin(world.replicas)
        self._monitor = Monitor()
        self._balancer = balancer(world.balancing, choices)
        self._sent, self._begun = 0, 0.0
        self._replicas: list[tuple[float, int]] = [(0.0, world.replicas)]
        self._events: list[tuple[float, float, Callable[[float], None]]] = [
            (float(phases.uniform(0, every)), every, act)
            for every, act in (
                (policy.scrape_seconds, self._scrape),
                (_METRICS_SERVER_SECONDS, self._scrape_cpu),
                (policy.rule_seconds, self._record),
                (policy.interval_seconds, self._decide),
            )
            if every > 0
        ]

    def outcome(self) -> Outcome:
        now, end = 0.0, self._traffic.seconds
        while now < end:
            due = min(time for time, _, _ in self._events)
            change = self._fleet.next_change(now)
            now = min(due, change, end)
            if now in (change, end):
                self._send(now)
            for number, (time, every, act) in enumerate(self._events):
                if time <= now < end:
                    act(now)
                    self._events[number] = (time + every, every, act)
        self._fleet.sweep(end)
        latencies = self._ends - self._traffic.times
        cost = self._fleet.total_cost_seconds(end)
        return measured(latencies, self._traffic, self._world.objective_seconds, cost, self._replicas)

    def _send(self, until: float) -> None:
        """Send what has arrived since the last time, in which the balancer's replicas stayed the same.

        Called before these change, and before anybody looks at the queues. Without replicas requests fail.
        """
        begin, end = self._sent, int(np.searchsorted(self._traffic.times, until, side="left"))
        queues = self._fleet.reached(self._begun)
        self._sent, self._begun = end, until
        if end > begin and queues:
            self._ends[begin:end] = self._balancer.send(
                self._traffic.times[begin:end],
                self._services[begin:end],
                queues,
                self._world.timeout_seconds,
            )

    def _view(self, now: float) -> View:
        return View(now, self._fleet, self._monitor)

    def _scrape(self, now: float) -> None:
        self._send(now)
        self._fleet.sweep(now)
        self._monitor.scrape(self._fleet, now)

    def _scrape_cpu(self, now: float) -> None:
        self._send(now)
        self._monitor.scrape_cpu(self._fleet, now)

    def _record(self, now: float) -> None:
        self._policy.record(self._view(now))

    def _decide(self, now: float) -> None:
        wanted = self._policy.decide(self._view(now))
        if wanted != self._fleet.wanted:
            self._send(now)
            self._fleet.scale(wanted, now)
            self._replicas.append((now, wanted))
