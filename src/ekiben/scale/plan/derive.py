"""From what is asked and what was measured to a plan."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from ekiben.errors import ConfigError
from ekiben.scale.capacity.cost import Cost
from ekiben.scale.capacity.search import Capacity
from ekiben.scale.plan.document import CapacityPlan, Subject
from ekiben.scale.plan.formulas import Headroom, Signal, formulas
from ekiben.scale.plan.lag import lag_terms
from ekiben.scale.plan.quantity import Quantity

_HPA = "https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/"
_NO_QUOTA_CORES = 1e6


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asks; None where nothing was said.

    Attributes:
        objective_seconds: Largest latency of a good request, seconds, above 0.
        peak_rate: Highest expected rate over all replicas, requests/s, above 0.
        bad_ratio: Share of requests that may be bad, 0 to 0.5 (p99: 0.01).
        trough_rate: Lowest expected rate, requests/s.
        surge_per_second: How fast the rate may grow, as a share of itself per second, at least 0.
        surges_per_day: How often it does, above 0.
        surge_budget_ratio: Part of the bad requests allowed that surges may use, 0-1.
        timeout_seconds: The callers' time-out, seconds, above 0.
        tolerance_ratio: The HPA's tolerance, 0 to 0.5.
        quota_cores: CPU requests that the namespace allows, cores.
        start_seconds: From a pod's start to ready, instead of what was measured.
        pull_seconds: Time to pull the image onto a node that has none.
    """

    objective_seconds: float
    peak_rate: float
    bad_ratio: float = 0.01
    trough_rate: float | None = None
    surge_per_second: float | None = None
    surges_per_day: float | None = None
    surge_budget_ratio: float | None = None
    timeout_seconds: float | None = None
    tolerance_ratio: float | None = None
    quota_cores: float | None = None
    start_seconds: float | None = None
    pull_seconds: float | None = None

    def __post_init__(self) -> None:
        for name, least, most in (
            ("objective_seconds", 0.0001, 60), ("peak_rate", 0.001, 1e9), ("bad_ratio", 1e-5, 0.5),
            ("trough_rate", 0, 1e9), ("surge_per_second", 0, 10), ("surges_per_day", 0.001, 86_400),
            ("surge_budget_ratio", 0, 1), ("timeout_seconds", 0.001, 300), ("tolerance_ratio", 0, 0.5),
            ("quota_cores", 0.01, _NO_QUOTA_CORES), ("start_seconds", 0, 3_600), ("pull_seconds", 0, 3_600),
        ):  # fmt: skip
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and least <= value <= most):
                raise ConfigError(f"expected {name} between {least:g} and {most:g}, found {value!r}")
        if self.trough_rate is not None and self.trough_rate > self.peak_rate:
            raise ConfigError(
                f"expected a trough of at most the peak, found {self.trough_rate:g} above {self.peak_rate:g}"
            )


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of one replica.

    Attributes:
        capacity: C* and its steps.
        cost: CPU time.
        saturation_rate: Right answers per second at most, requests/s.
        start_seconds: From the start of the process to ready, seconds.
        memory_bytes: Largest resident memory.
        cores: CPU cores that it could use.
    """

    capacity: Capacity
    cost: Cost
    saturation_rate: float
    start_seconds: float
    memory_bytes: float
    cores: float = 1.0


# Name: unit, what is assumed without a word of the user, meaning, source of the assumption.
_ASSUMED: Mapping[str, tuple[str, float, str, str]] = {
    "surge_per_second": ("1/s", 1 / 60, "growth of the rate in a surge", "doubles within 60 s"),
    "surges_per_day": ("1/day", 10, "surges", "as often as a large stream of requests had bursts"),
    "surge_budget_ratio": ("", 0.5, "part of the bad requests allowed that surges may use", "half"),
    "timeout_seconds": ("s", 5, "the callers' time-out", "`traffic.timeout_seconds`"),
    "tolerance_ratio": ("", 0.1, "deviation that the HPA leaves alone", f"its default, {_HPA}"),
    "quota_cores": (
        "cores",
        _NO_QUOTA_CORES,
        "CPU requests that the namespace allows",
        "no quota was stated",
    ),
    "pull_seconds": ("s", 0, "pulling the image", "the nodes have it"),
}
_GIVEN = {
    "objective_seconds": ("s", "a request slower than this is bad"),
    "bad_ratio": ("", "share of requests that may be bad"),
    "peak_rate": ("requests/s", "highest rate over all replicas"),
}


def derive(
    subject: Subject,
    wishes: Wishes,
    measured: Measured,
    *,
    headroom: Headroom,
    signal: Signal,
    most: float,
) -> CapacityPlan:
    """Derive every number.

    Args:
        subject: What the plan is of.
        wishes: What is asked.
        measured: What one replica was seen to do.
        headroom: What the headroom is for.
        signal: What the autoscaler reads.
        most: Highest rate that the sender could hold, requests/s.

    Raises:
        ConfigError: The peak needs more than the quota allows.
    """
    known = {**asked(wishes), **lag_terms(signal), **_measurements(wishes, measured)}
    for each in formulas(headroom):
        known[each.name] = each.derive(known)
    _refuse_beyond_quota(known)
    return CapacityPlan(
        subject=subject,
        headroom=headroom,
        signal=signal,
        alpha=measured.capacity.alpha,
        most_rate=most,
        steps=measured.capacity.steps,
        numbers=known,
    )


def asked(wishes: Wishes) -> dict[str, Quantity]:
    """What the user asks, and what is assumed where nothing was said."""
    found = {
        name: Quantity(
            value=getattr(wishes, name), unit=unit, kind="given", meaning=meaning, source="the user"
        )
        for name, (unit, meaning) in _GIVEN.items()
    }
    trough = wishes.trough_rate
    found["trough_rate"] = _wish(
        trough, "requests/s", wishes.peak_rate / 5, "lowest rate over all replicas",
        "a fifth of the peak: days of recorded traffic had 4.6 and 5.3 between their hours",
    )  # fmt: skip
    for name, (unit, default, meaning, source) in _ASSUMED.items():
        found[name] = _wish(getattr(wishes, name), unit, default, meaning, source)
    return found


def _wish(value: float | None, unit: str, default: float, meaning: str, source: str) -> Quantity:
    if value is None:
        return Quantity(value=default, unit=unit, kind="assumed", meaning=meaning, source=source)
    return Quantity(value=value, unit=unit, kind="given", meaning=meaning, source="the user")


def _measurements(wishes: Wishes, measured: Measured) -> dict[str, Quantity]:
    capacity, cost = measured.capacity, measured.cost
    bound = "docs/scaling.md, section 2"
    limit = "; as high as the sender goes, so that the replica may carry more" if capacity.limited else ""
    found = {
        "capacity_rate": _measured(
            capacity.rate, "requests/s", "C*: largest rate of one replica shown to meet the objective",
            bound + limit, (capacity.rate, capacity.failing_rate),
        ),
        "capacity_estimate_rate": _measured(
            capacity.estimate, "requests/s", "rate at which the fit crosses the objective", bound
        ),
        "saturation_rate": _measured(
            max(measured.saturation_rate, capacity.rate), "requests/s",
            "right answers of one replica at most", "closed loop of waiting callers, or C* if that is more",
        ),
        "cpu_seconds_per_request": _measured(
            cost.cpu_seconds, "s", "CPU time of one request", f"{bound}: slope over the steps", cost.interval
        ),
        "idle_cores": _measured(cost.idle_cores, "cores", "CPU use without requests", f"{bound}: intercept"),
        "memory_bytes": _measured(
            measured.memory_bytes, "bytes", "largest resident memory", "process_resident_memory_bytes"
        ),
        "cores": _measured(measured.cores, "cores", "cores that the replica could use", "CPU affinity"),
        "start_seconds": _measured(
            measured.start_seconds, "s", "from the start of the process to ready", "/readyz"
        ),
    }  # fmt: skip
    if wishes.start_seconds is not None:
        found["start_seconds"] = _wish(wishes.start_seconds, "s", 0, "from a pod's start to ready", "")
    return found


def _measured(value: float, unit: str, meaning: str, source: str, interval: Any = None) -> Quantity:
    return Quantity(
        value=value, unit=unit, kind="measured", meaning=meaning, source=source, interval=interval
    )


def _refuse_beyond_quota(known: Mapping[str, Quantity]) -> None:
    quota, target = known["quota_replicas"].value, known["target_rate"].value
    for name in ("peak_replicas", "min_replicas"):
        needed = known[name].value
        if needed > quota:
            raise ConfigError(
                f"expected a peak that the quota carries, found {known['peak_rate'].value:g} requests/s: it "
                f"needs {needed:.0f} replicas ({name}) of {known['cpu_request_millicores'].value:.0f}m CPU "
                f"each, and {known['quota_cores'].value:g} cores hold {quota:.0f}",
                remedy=f"{quota:.0f} replicas carry {quota * target:.0f} requests/s: raise the quota, or "
                "lower --peak-rps",
            )


def wishes_of(document: Mapping[str, Any]) -> Wishes:
    """Take wishes from a mapping; names without a value are left out."""
    known = {each.name for each in fields(Wishes)}
    return Wishes(**{name: value for name, value in document.items() if name in known and value is not None})
