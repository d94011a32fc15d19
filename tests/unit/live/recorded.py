"""Records as a cluster would leave them: small replicas, steady loads, made up to the digit."""

from __future__ import annotations

from functools import cache
from typing import Any

from tests.live import planned, shapes
from tests.live.journal import Record

from ekiben.scale.capacity.search import conclude
from ekiben.scale.capacity.step import Objective, Step
from ekiben.scale.plan.document import CapacityPlan, Subject
from ekiben.scale.replica import Found

ARTEFACT = "sha256:" + "0a" * 32
CAPACITY, SATURATION, CPU_SECONDS, START = 80.0, 100.0, 0.002, 5.0
FROM: Record = {
    "seed": 1, "code": "method 1, abc", "commit": "c", "machine": "m", "ekiben": "1", "kubernetes": "v1.35.4",
    "started": "2026-01-01T00:00:00+00:00", "seconds": 300.0,
}  # fmt: skip


def step(rate: float, share: float) -> Step:
    """A long step of independent requests."""
    return Step(
        rate=rate, seconds=1e6 / rate, requests=1_000_000, bad=round(share * 1e6), effect=1.0, resolved=True,
        mean_seconds=0.02, p99_seconds=0.1, mean_outstanding=0.02 * rate, answered_rate=rate,
        lag_p99_seconds=0.0002, cpu_cores=0.004 + CPU_SECONDS * rate, variation=0.5,
    )  # fmt: skip


@cache
def plans() -> dict[Any, CapacityPlan]:
    """C* 80 and saturation 100 requests/s, 2 ms of CPU, 4 thousandths of a core at rest."""
    steps = tuple(step(*each) for each in ((40.0, 0.0001), (CAPACITY, 0.008), (86.0, 0.02)))
    capacity = conclude(steps, Objective(planned.OBJECTIVE_SECONDS, 0.01), 0.05, 5_000)
    assert capacity.rate == CAPACITY
    subject = Subject(
        model="iris", version="v1", artefact_sha256=ARTEFACT, made_at="2026-01-01T00:00:00+00:00", machine="m"
    )
    found = Found(capacity, SATURATION, 100 * 2**20, 5_000)
    return planned.plans(subject, found, bad_ratio=0.01, start_seconds=START)


def basis(**fields: Any) -> Record:
    """One replica, and two that carry 1.8 times as much."""
    made: Record = {
        **FROM,
        "kind": "replica",
        "limit_millicores": 200,
        "rows": 256,
        "capacity_rate": CAPACITY,
        "saturation_rate": SATURATION,
        "held": {"rate": 1.8 * CAPACITY, "verdict": "meets", "reasons": [], "bad": 3, "requests": 5_000},
        "saturated": {"1": [100.0, 102.0], "2": [190.0, 194.0]},
        "busy": [0.5],
        "services": [0.008] * 101,
        "starts": [5.0, 7.0],
        "plans": {signal: planned.written(each) for signal, each in plans().items()},
        "keda": False,
    }
    return made | fields


def run(policy: str = "ekiben, CPU", shape: str = "step", **fields: Any) -> Record:
    """300 s of 100 requests/s, all within the objective, on two replicas."""
    plan = plans()["cpu"]
    made: Record = {
        **FROM,
        "kind": "run",
        "policy": policy,
        "shape": shape,
        "basis": plan.sha256,
        "bad_ratio": 0.01,
        "segments": [[100.0, 300.0, 100.0]],
        "arrivals_seed": 1,
        "objective_seconds": 0.1,
        "hpa": {
            "minReplicas": 2,
            "maxReplicas": 7,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
                }
            ],
        },
        "request": "200m",
        "limit_millicores": 200,
        "most_in_progress": 100,
        "timeout_seconds": 5.0,
        "target_rate": plan["target_rate"],
        "lag_seconds": plan["mean_lag_seconds"],
        "reasons": [],
        "requests": 30_000,
        "bad": 30,
        "latency": {"0.5": 0.01, "0.99": 0.06},
        "arrivals": [100] * 300,
        "looks": [[float(second), 2, 2, 60] for second in range(300)],
        "busy": [0.5] * 300,
        "starts": [5.0, 7.0],
    }
    return made | fields


def steps(part: int = 0, policy: str = "ekiben, CPU", **fields: Any) -> Record:
    """Five steps: patched after 10, 11, 12, 13 and 14 s, ready 6 s later, down again 30 s after the end."""
    segments, looks, now = [], [(0.0, 2, 2, 30)], 0.0
    for place in range(5):
        segments += [[30.0, 70.0, 30.0], [90.0, 45.0, 90.0]]
        begin = now + 70
        looks += [
            (begin - 1, 2, 2, 30),
            (begin + 10 + place, 4, 2, 90),
            (begin + 16 + place, 4, 4, 90),
            (begin + 75, 2, 2, 30),
        ]
        now = begin + 45
    made = run(policy) | {"kind": "steps", "part": part, "fewest": 2, "segments": segments}
    del made["shape"]
    # As often as the API is looked at; the looks above are those at which something is new.
    every = [[0.5 * half, *_last(looks, 0.5 * half)] for half in range(int(2 * now))]
    return made | {"looks": every, "busy": [0.5] * int(now)} | fields


def _last(looks: list[tuple[float, int, int, int]], now: float) -> tuple[int, int, int]:
    return [each for each in looks if each[0] <= now][-1][1:]


def replay(of: str, **fields: Any) -> Record:
    """As live as can be."""
    made: Record = {
        **FROM,
        "kind": "replay",
        "of": of,
        "simulator": "s",
        "p99_seconds": 0.06,
        "p99_range": [0.05, 0.07],
        "violating_ratio": 0.001,
        "violating_range": [0.0, 0.002],
        "replicas": [2.0] * 300,
    }
    return made | fields


__all__ = ["basis", "plans", "replay", "run", "shapes", "step", "steps"]
