"""Plans of replicas that were measured to the digit."""

from __future__ import annotations

from typing import Any

from ekiben.scale.capacity.cost import cost
from ekiben.scale.capacity.search import conclude
from ekiben.scale.capacity.step import Objective, Step
from ekiben.scale.plan.derive import Measured, Wishes, derive
from ekiben.scale.plan.document import CapacityPlan, Subject

ARTEFACT = "sha256:" + "0a" * 32
OBJECTIVE = Objective(0.05, 0.01)
# Two workers on one queue, 8 ms each: C* 188, saturation 250 requests/s, 8.4 ms of CPU per request.
CPU_SECONDS = 0.0084
SHARES = {94: 0.0001, 188: 0.008, 196: 0.013, 220: 0.2}


def steps(shares: dict[int, float] | None = None, requests: int = 1_000_000) -> tuple[Step, ...]:
    """Long steps of independent requests, by rate."""
    return tuple(
        Step(
            rate=rate, seconds=requests / rate, requests=requests, bad=round(share * requests), effect=1.0,
            resolved=True, mean_seconds=0.01, p99_seconds=0.05, mean_outstanding=rate * 0.01,
            answered_rate=rate, lag_p99_seconds=0.0002, cpu_cores=CPU_SECONDS * rate, variation=0.5,
        )
        for rate, share in (shares or SHARES).items()
    )  # fmt: skip


def subject(**fields: str) -> Subject:
    found: dict[str, Any] = {
        "model": "iris", "version": "v1", "artefact_sha256": ARTEFACT, "form": "onnx",
        "made_at": "2026-01-01T00:00:00+00:00", "machine": "x86_64, 2 cores",
    }  # fmt: skip
    return Subject(**found | fields)


def measured(**fields: Any) -> Measured:
    shown = steps()
    capacity = conclude(shown, OBJECTIVE, 0.05, 5_000)
    found: dict[str, Any] = {
        "capacity": capacity, "cost": cost(shown), "saturation_rate": 250.0, "start_seconds": 12.0,
        "memory_bytes": 100 * 1024 * 1024, "cores": 2.0,
    }  # fmt: skip
    return Measured(**found | fields)


def wishes(**fields: Any) -> Wishes:
    """A peak of 2,000, a trough of 300, "doubles in 60 s, ten times a day"."""
    found: dict[str, Any] = {
        "objective_seconds": 0.05, "peak_rate": 2_000.0, "trough_rate": 300.0, "surge_per_second": 1 / 60,
        "surges_per_day": 10.0, "surge_budget_ratio": 1.0, "timeout_seconds": 5.0, "tolerance_ratio": 0.0,
    }  # fmt: skip
    return Wishes(**found | fields)


def plan(headroom: Any = "budget", signal: Any = "demand", cores: float = 2.0, **asked: Any) -> CapacityPlan:
    return derive(
        subject(), wishes(**asked), measured(cores=cores), headroom=headroom, signal=signal, most=5_000
    )
