"""From what one replica of the cluster was seen to do to its plans: pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.live import shapes
from tests.live.policies import LIMIT_MILLICORES

from ekiben.scale.capacity.cost import cost
from ekiben.scale.capacity.step import Objective
from ekiben.scale.plan.derive import Measured, Wishes, derive
from ekiben.scale.plan.document import CapacityPlan, Subject
from ekiben.scale.plan.formulas import Signal
from ekiben.scale.replica import Found

OBJECTIVE_SECONDS = 0.1
TIMEOUT_SECONDS = 5.0
_SIGNALS: tuple[Signal, ...] = ("cpu", "demand")


def plans(
    subject: Subject, found: Found, *, bad_ratio: float, start_seconds: float
) -> dict[Signal, CapacityPlan]:
    """Plans for one peak and trough, one for each signal.

    The peak is stated in targets of one replica, so the target comes first: of a peak that binds nothing.

    Args:
        subject: What the plans are of.
        found: What one replica was seen to do.
        bad_ratio: Share of requests that may be bad, 0-1.
        start_seconds: From the start of a container to ready, seconds.
    """
    objective = Objective(OBJECTIVE_SECONDS, bad_ratio)
    valid = [step for step in found.capacity.steps if not step.reasons(objective)]
    measured = Measured(
        found.capacity,
        cost(valid),
        found.saturation_rate,
        start_seconds,
        found.memory_bytes,
        LIMIT_MILLICORES / 1000,
    )

    def plan(signal: Signal, peak_rate: float, trough_rate: float) -> CapacityPlan:
        wishes = Wishes(
            objective_seconds=OBJECTIVE_SECONDS, peak_rate=peak_rate, bad_ratio=bad_ratio,
            trough_rate=trough_rate, timeout_seconds=TIMEOUT_SECONDS,
        )  # fmt: skip
        return derive(subject, wishes, measured, headroom="budget", signal=signal, most=found.most_rate)

    unit = plan("cpu", 10 * found.capacity.rate, found.capacity.rate)["target_rate"]
    return {signal: plan(signal, shapes.PEAK * unit, shapes.TROUGH * unit) for signal in _SIGNALS}


def written(plan: CapacityPlan) -> dict[str, Any]:
    """A plan as a record keeps it."""
    return {"sha256": plan.sha256, "text": plan.text()}


def read(kept: Mapping[str, Any]) -> CapacityPlan:
    """The plan of a record, computed again."""
    return CapacityPlan.parse(str(kept["text"]))
