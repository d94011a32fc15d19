"""The HPA on demand as a plan derives it: the plan's own formulas, fed with what a world is."""

from __future__ import annotations

from collections.abc import Mapping

from ekiben.scale.plan.derive import Wishes, asked
from ekiben.scale.plan.formulas import formulas
from ekiben.scale.plan.lag import lag_terms
from ekiben.scale.plan.quantity import Quantity
from ekiben.scale.simulation.demand import Sizing
from ekiben.scale.simulation.engine import World

_PLACE = "the simulated world"
_MEMORY_BYTES = 100.0 * 1024 * 1024  # nothing that is simulated depends on it


def numbers(
    world: World, capacity_rate: float, peak_rate: float, low: int, target_rate: float | None = None
) -> Mapping[str, Quantity]:
    """A plan's numbers, signal `demand` and headroom `budget`, with what it assumes where nothing is said.

    Args:
        world: Replicas and objective; its start is all from a decision to a replica that is ready.
        capacity_rate: C*, requests/s, above 0.
        peak_rate: Of all replicas, requests/s.
        low: Least replicas: as given, since all policies of a comparison have the same.
        target_rate: Instead of the one that is derived, requests/s; None derives it.
    """
    known = {
        **asked(
            Wishes(world.objective_seconds, max(0.001, peak_rate), trough_rate=0.0, tolerance_ratio=0.0,
                   timeout_seconds=world.timeout_seconds)
        ),
        **lag_terms("demand"),
    }  # fmt: skip
    service, outside = world.service, known["schedule_seconds"].value + known["probe_seconds"].value
    for name, value in (
        ("capacity_rate", capacity_rate),
        ("saturation_rate", max(service.most_rate, capacity_rate)),
        ("cpu_seconds_per_request", service.mean_seconds),
        ("idle_cores", 0.0),
        ("memory_bytes", _MEMORY_BYTES),
        ("cores", float(service.workers)),
        ("start_seconds", max(0.0, world.start.seconds - outside)),
    ):
        known[name] = _set(name, value)
    fixed = {"min_replicas": float(low)} | ({} if target_rate is None else {"target_rate": target_rate})
    for each in formulas("budget"):
        known[each.name] = _set(each.name, fixed[each.name]) if each.name in fixed else each.derive(known)
    return known


def assumed(name: str) -> float:
    """What a plan takes a wish for where nothing is said."""
    return asked(Wishes(1.0, 1.0))[name].value


def _set(name: str, value: float) -> Quantity:
    return Quantity(value=value, unit="", kind="given", meaning=name, source=_PLACE)


def sizing(found: Mapping[str, Quantity]) -> Sizing:
    """Those of a plan's numbers that its HPA has.

    Args:
        found: As of `numbers`, or of a plan for the signal `demand`.
    """
    value = {name: each.value for name, each in found.items()}
    return Sizing(
        target_rate=value["target_rate"],
        low=int(value["min_replicas"]),
        high=int(value["max_replicas"]),
        lag_seconds=value["mean_lag_seconds"],
        request_cores=value["cpu_request_millicores"] / 1000,
        net_percent=int(value["cpu_net_percent"]),
        up_pods=int(value["scale_up_pods"]),
        up_percent=int(value["scale_up_percent"]),
        down_window_seconds=int(value["scale_down_window_seconds"]),
        down_percent=int(value["scale_down_percent"]),
        down_period_seconds=int(value["scale_down_period_seconds"]),
    )
