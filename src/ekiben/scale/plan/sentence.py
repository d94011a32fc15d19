"""A number of a plan in one sentence, and a plan in a few lines."""

from __future__ import annotations

from collections.abc import Iterator

from ekiben.scale.plan.document import CapacityPlan
from ekiben.scale.plan.quantity import Quantity

_ALL_DIGITS_KNOWN = 1e15  # a float64 holds 15 decimal digits; written out, more would say too much

_BINDINGS = {
    "objective": "objective-bound: a faster model, or better balanced requests, would raise it",
    "surge": "surge-bound: a shorter lag (a quicker start) would raise it",
    "budget": "budget-bound: fewer surges, or a larger part of the error budget for them, would raise it",
    "peak": "peak-bound: one replica could carry the whole peak",
}


def sentence(plan: CapacityPlan, name: str) -> str:
    """Say a number, how it came about, and from what.

    Raises:
        ConfigError: No such number.
    """
    found = plan.number(name)
    told = f"{name} is {amount(found)}{_between(found)}: {found.meaning}"
    if found.kind == "derived":
        inputs = ", ".join(f"{key} = {number(value)}" for key, value in found.inputs.items())
        told += f", computed as {found.formula}" + (f" with {inputs}" if inputs else "")
        if name == "target_rate":
            told += f"; it is {_BINDINGS[plan.binding]}"
    return f"{told}; {found.kind}, source: {found.source}."


def lines(plan: CapacityPlan) -> list[str]:
    """Say what matters most of a plan."""
    objective, limit = plan.objective, plan.number("capacity_rate")
    return [
        f"plan of {plan.subject.model}:{plan.subject.version} ({plan.subject.artefact_sha256[:19]})",
        (
            f"objective  p{100 * (1 - objective.bad_ratio):g} <= {objective.latency_seconds * 1e3:g} ms to "
            f"{number(plan['peak_rate'])} requests/s"
        ),
        f"capacity   {amount(limit)} per replica{_between(limit)}",
        f"target     {amount(plan.number('target_rate'))} per replica, {_BINDINGS[plan.binding]}",
        f"headroom   {plan['headroom_ratio']:.0%}, for a lag of {number(plan['lag_seconds'])} s",
        (
            f"replicas   {plan.whole('min_replicas')} to {plan.whole('max_replicas')}, "
            f"{plan.whole('peak_replicas')} at the peak "
            f"({plan.whole('saturation_peak_replicas')} if no surge were to saturate them, "
            f"{plan.whole('ramp_peak_replicas')} if the objective held through every surge)"
        ),
        *_shape(plan),
        (
            f"pod        {plan.whole('cpu_request_millicores')}m CPU, limit "
            f"{plan.whole('cpu_limit_millicores')}m, {plan.whole('memory_mebibytes')}Mi; "
            f"HPA at {plan.whole('cpu_target_percent')} % of the CPU request"
        ),
    ]


def _shape(plan: CapacityPlan) -> Iterator[str]:
    """The cores of a replica, and what others would have needed."""
    own, threads = plan["cores"], _counted(plan["worker_threads"], "thread")
    others = ", ".join(
        f"{number(each.peak_cores)} with replicas of {number(each.cores)}"
        for each in plan.shapes
        if each.cores != own
    )
    yield (
        f"shape      {cores(plan)}, {threads} per replica; "
        f"{number(plan['peak_cores'])} cores at the peak" + (f" ({others})" if others else "")
    )


def cores(plan: CapacityPlan) -> str:
    """The cores of a replica: `1 core`, `2 cores`."""
    return _counted(plan["cores"], "core")


def _counted(value: float, what: str) -> str:
    return f"{number(value)} {what}{'' if value == 1 else 's'}"


def amount(found: Quantity) -> str:
    """Write a value with its unit."""
    return f"{number(found.value)} {found.unit}".rstrip()


def number(value: float) -> str:
    """Write a value with four digits, and whole numbers whole."""
    whole = float(value).is_integer() and abs(value) < _ALL_DIGITS_KNOWN
    return f"{value:.0f}" if whole else f"{value:.4g}"


def _between(found: Quantity) -> str:
    if found.interval is None or found.interval[0] == found.interval[1]:
        return ""
    low, high = found.interval
    if high is None:
        return "" if low is None else f" (at least {number(low)})"
    return f" (at most {number(high)})" if low is None else f" ({number(low)} to {number(high)})"
