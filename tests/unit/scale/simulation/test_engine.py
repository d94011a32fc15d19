"""Whole runs: against the HPA's own formula, and against what must hold in every run."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ekiben.errors import ConfigError
from ekiben.scale.simulation import balancing, demand, kubernetes, others
from ekiben.scale.simulation.engine import World, run
from ekiben.scale.simulation.outcome import Outcome
from ekiben.scale.simulation.policy import Policy
from ekiben.scale.simulation.references import Clairvoyant
from ekiben.scale.simulation.service import Service, Start
from ekiben.scale.simulation.traffic import Traffic

_SERVICE = Service(1, 0.01, 0.0)


def _world(**changes: object) -> World:
    return World(_SERVICE, **({"start": Start(10.0, 0.0), "objective_seconds": 0.05} | changes))  # type: ignore[arg-type]  # fields of World


def _steady(rate: float, seconds: int = 900) -> Traffic:
    return Traffic.drawn(np.full(seconds, rate), np.random.default_rng(1))


def test_cpu_settles_where_the_formula_says() -> None:
    """200 requests/s of 10 ms are 2 cores; at a target of 50 % of 1 core that is 4 replicas."""
    found = run(_steady(200.0), _world(replicas=3), kubernetes.on_cpu(50, 1, 20, 1.0), 1)
    assert found.path[-1][1] in (4, 5)  # the formula rounds up, and noise is kept for five minutes
    assert math.ceil(200 * 0.01 / 0.5) == 4


def test_demand_settles_at_the_rate_over_the_target_with_its_margin() -> None:
    """200/s at 50 per replica, with 2 x sqrt(200 / 20) of noise margin: (200 + 6.3) / 50 is 5 replicas."""
    sizing = demand.Sizing(50.0, 1, 20, 30.0, 0.5)
    found = run(_steady(200.0), _world(replicas=1), demand.Demand(sizing), 1)
    assert found.path[-1][1] in (5, 6)
    assert found.most <= 20


def test_cost_is_replicas_times_seconds() -> None:
    """Seven replicas that stay for 900 s cost 6,300 replica-seconds, and change nothing."""
    found = run(_steady(100.0), _world(replicas=7), others.Static(7), 1)
    assert found.replica_seconds == pytest.approx(6_300)
    assert (found.actions, found.flips, found.most) == (0, 0, 7)


def test_a_replica_serves_from_its_start_on_and_costs_from_the_decision() -> None:
    """A schedule that knows of a step starts ahead: no violation, and the cost of the schedule itself."""
    rates = np.concatenate((np.full(300, 40.0), np.full(300, 160.0)))
    traffic = Traffic.drawn(rates, np.random.default_rng(2))
    policy = Clairvoyant(traffic, 50.0, 1, lead_seconds=13.0)
    found = run(traffic, _world(replicas=1, balancing="two-choices"), policy, 2)
    assert found.violating_ratio < 0.01
    assert found.replica_seconds == pytest.approx(policy.replica_seconds, rel=0.02)


def test_requests_without_a_replica_fail() -> None:
    """A policy that takes all replicas away fails what comes after."""

    class Off(Policy):
        def decide(self, view: object) -> int:
            del view
            return 0

    found = run(_steady(50.0), _world(replicas=2), Off(), 1)
    assert found.failed_ratio > 0.9
    assert found.worst_ratio == 1


@pytest.mark.parametrize(
    "policy",
    [
        lambda: kubernetes.on_served_rate(60.0, 1, 9),
        lambda: kubernetes.on_in_progress(1.0, 1, 9),
        lambda: others.Knative(0.7, 1, 9),
        lambda: others.Ray(2.0, 1, 9),
        lambda: others.SageMaker(100.0, 1, 9),
    ],
    ids=["keda", "bentocloud", "knative", "ray", "sagemaker"],
)
def test_every_policy_follows_a_step_within_its_bounds(policy: object) -> None:
    """From 40 to 320 requests/s, where a replica can do 100: all go up, none beyond the bounds; seeded."""
    rates = np.concatenate((np.full(300, 40.0), np.full(900, 320.0)))
    traffic = Traffic.drawn(rates, np.random.default_rng(3))
    made = [run(traffic, _world(replicas=1), policy(), 3) for _ in range(2)]  # type: ignore[operator]  # a maker
    assert made[0] == made[1]
    assert 4 <= made[0].path[-1][1] <= 9
    assert made[0].most <= 9


def test_queues_taken_together_change_nothing_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Request by request the same replicas at the same times, violations and cost; overload included."""
    rates = np.concatenate((np.full(200, 60.0), np.full(300, 420.0), np.full(200, 60.0)))
    traffic = Traffic.drawn(rates, np.random.default_rng(4))

    def found() -> Outcome:
        return run(traffic, _world(replicas=2), kubernetes.on_cpu(50, 1, 12, 1.0), 4)

    together = found()
    monkeypatch.setattr(balancing, "take_in_turn", lambda *_: None)
    alone = found()
    assert 0 < alone.failed_ratio < alone.violating_ratio
    same = ("path", "requests", "violating_ratio", "failed_ratio", "worst_ratio")
    assert [getattr(together, name) for name in same] == [getattr(alone, name) for name in same]
    assert together.replica_seconds == pytest.approx(alone.replica_seconds, abs=1e-6)
    assert together.p99_seconds == pytest.approx(alone.p99_seconds, abs=1e-9)


def test_a_world_that_cannot_be_is_refused() -> None:
    """No replicas, no objective, no such balancer, no service time."""
    for changes in ({"replicas": 0}, {"objective_seconds": 0.0}, {"balancing": "best"}):
        with pytest.raises(ConfigError, match="expected"):
            _world(**changes)
    with pytest.raises(ConfigError, match="service time"):
        Service(1, 0.0)
