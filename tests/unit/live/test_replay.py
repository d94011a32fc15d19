"""A recorded run once more by the simulator, against the HPA's formula and queues that are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.live import replay
from tests.unit.live import recorded

from ekiben.scale.load.schedule import Load, Segment, intended_times

TIMES = 2


def steady(rate: float, seconds: int = 300, **fields: Any) -> dict[str, Any]:
    """A run of one rate, as its record has it."""
    times = np.asarray(intended_times(Load((Segment(rate, seconds),), "poisson"), 1))
    counts = np.bincount(times.astype(int), minlength=seconds).tolist()
    fields = {"segments": [[rate, seconds, rate]], "arrivals": counts} | fields
    return recorded.run(**fields)


def last(record: dict[str, Any], idle_cores: float = 0.0) -> float:
    """Replicas at the end, mean over the replays, of replicas that saturate at 20 requests/s."""
    found = replay.replayed(record, recorded.basis(saturation_rate=20.0), idle_cores, TIMES)
    return float(found["replicas"][-1])


def test_cpu_settles_where_the_formula_says() -> None:
    """36 requests/s of replicas that saturate at 20 are 1.8 limits of CPU; at 50 % of one that is 3.6: 4."""
    assert last(steady(36.0)) == pytest.approx(4, abs=0.5)


def test_a_smaller_request_is_a_smaller_target() -> None:
    """Half of the limit requested, 50 % of that: a quarter of a limit each; 18/s are 0.9: 4 (3.6)."""
    assert last(steady(18.0, request="100m")) == pytest.approx(4, abs=0.5)


def test_what_an_idle_replica_uses_counts() -> None:
    """A fifth of a limit at rest: 1.4 limits and 0.2 a replica at 50 % are 4.67, so 5; without it 3."""
    assert last(steady(28.0)) == pytest.approx(3, abs=0.5)
    assert last(steady(28.0), idle_cores=0.04) == pytest.approx(5, abs=0.5)


def test_the_arrivals_are_those_of_the_run() -> None:
    """Each at its own time; as many in each second where the times are no longer those."""
    record = steady(100.0)
    times = np.asarray(intended_times(Load((Segment(100.0, 300),), "poisson"), 1))
    assert np.array_equal(replay.arrivals(record).times, times)
    record["arrivals"][7] += 5
    found = np.bincount(replay.arrivals(record).times.astype(int), minlength=300)
    assert found.tolist() == record["arrivals"]


def test_service_times_are_the_recorded_ones_stretched_to_saturation() -> None:
    """Mean 1 / 100 s, the shape as recorded: the longest three times the shortest."""
    service = replay.Recorded.of([0.002, 0.004, 0.006], 100.0)
    drawn = service.draw(np.random.default_rng(1), 10_000)
    assert service.mean_seconds == pytest.approx(0.01)
    assert sorted(set(drawn.round(6))) == pytest.approx([0.005, 0.01, 0.015])
    assert drawn.mean() == pytest.approx(0.01, rel=0.01)


def test_the_latency_is_that_of_a_queue() -> None:
    """M/D/1 at 30 %, 10 ms: 99 % are answered within three or four service times."""
    found = replay.replayed(steady(60.0), recorded.basis(), 0.0, TIMES)
    assert 0.020 < found["p99_seconds"] < 0.040
    assert found["violating_ratio"] == 0
    assert len(found["replicas"]) == 300


def test_who_would_wait_longer_than_the_limit_of_requests_is_refused() -> None:
    """400 requests/s on two replicas of 100 with ten each at most: nobody waits longer than 0.11 s."""
    fixed = {"minReplicas": 2, "maxReplicas": 2, "metrics": recorded.run()["hpa"]["metrics"]}
    record = steady(400.0, 60, hpa=fixed, most_in_progress=10)
    found = replay.replayed(record, recorded.basis(), 0.0, TIMES)
    assert found["p99_seconds"] <= 0.111
    assert found["violating_ratio"] > 0.4


def cpu(percent: int) -> dict[str, Any]:
    target = {"type": "Utilization", "averageUtilization": percent}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


def external(target: str) -> dict[str, Any]:
    value = {"type": "AverageValue", "averageValue": target}
    return {"type": "External", "external": {"metric": {"name": "s0-prometheus"}, "target": value}}


def test_requests_served_and_the_demand_are_read_in_the_order_of_the_spec() -> None:
    """28 requests/s at 7.4 a replica are 3.8: 4; with the demand's margin, 2 sqrt(28 / 20), 4.1: 5."""
    metrics = [cpu(100), external("1")]
    down = {"stabilizationWindowSeconds": 60}
    behavior = {"scaleUp": {"tolerance": "0"}, "scaleDown": down}
    hpa = {"minReplicas": 2, "maxReplicas": 7, "metrics": metrics, "behavior": behavior}
    for policy, replicas in (("KEDA requests/s", 4), ("ekiben, demand", 5)):
        record = steady(28.0, policy=policy, hpa=hpa, target_rate=7.4)
        assert last(record) == pytest.approx(replicas, abs=0.5)


def test_the_same_record_gives_the_same_replay() -> None:
    """Nothing in it is by chance that has no seed."""
    record, basis = steady(100.0, 60), recorded.basis()
    assert replay.replayed(record, basis, 0.0, TIMES) == replay.replayed(record, basis, 0.0, TIMES)
