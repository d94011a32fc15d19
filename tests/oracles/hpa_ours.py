"""A case's decisions by ekiben, in the oracle's form."""

from __future__ import annotations

from typing import Any

from ekiben.scale.hpa.autoscaler import Autoscaler, Flags
from ekiben.scale.hpa.controller import Decision, Seen, sync
from ekiben.scale.hpa.history import Memory
from ekiben.scale.hpa.metric import Found
from ekiben.scale.hpa.pods import Pod, Readiness, ReadinessWindows, Reading

Json = dict[str, Any]

_READY = {"True": True, "False": False, "Unknown": None}


def decisions(case: Json) -> list[Json]:
    """Sync by sync: r replicas, e failed, a/l/c reasons of the conditions, m use of each metric."""
    flags = _flags(case["flags"])
    hpa, memory, replicas = Autoscaler.of(case["spec"]), Memory(), 0
    made = []
    for step in case["steps"]:
        if "hpa" in step:
            hpa = Autoscaler.of(step["hpa"])
        replicas = step.get("spec", replicas)
        seen = Seen(
            step["now"],
            replicas,
            step.get("status", replicas),
            [_pod(each) for each in step["pods"]],
            [_found(each) for each in step["read"]],
        )
        decision, memory = sync(hpa, flags, memory, seen)
        replicas = decision.replicas
        made.append(_shown(decision))
    return made


def _flags(given: Json) -> Flags:
    return Flags(
        given["tolerance"],
        given["downscale_stabilization"],
        ReadinessWindows(given["cpu_initialization_period"], given["initial_readiness_delay"]),
    )


def _pod(given: Json) -> Pod:
    ready = given["c"]
    return Pod(
        given["n"],
        given["p"],
        given.get("d", False),
        given["s"],
        None if ready is None else Readiness(_READY[ready["s"]], ready["t"]),
        given["r"],
        given.get("pr"),
    )


def _found(given: Json) -> Found:
    if given.get("error"):
        return None
    if "values" in given:
        return tuple(given["values"])
    return {name: Reading(*each) for name, each in given["pods"].items()}


def _shown(decision: Decision) -> Json:
    return {
        "r": decision.replicas,
        "e": decision.failed,
        "a": decision.able,
        "l": decision.limited,
        "c": decision.active,
        "m": [
            None if each is None else [each.percent, each.average_milli, each.total_milli]
            for each in decision.proposals
        ],
    }
