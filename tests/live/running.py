"""One policy under one load, and one part of the steps: sent, watched, written down."""

from __future__ import annotations

import bisect
import time
from collections.abc import Sequence
from typing import Any

from tests.live import journal, planned, policies, reaction, sent, shapes
from tests.live.journal import Record
from tests.live.policies import LIMIT_MILLICORES, Policy
from tests.live.sizes import Sizes
from tests.live.stage import Stage
from tests.live.watch import RELEASE, Watch, watching

from ekiben.scale.load import generator
from ekiben.scale.load.schedule import Load
from ekiben.scale.plan.document import CapacityPlan

_RUN_LOOKS_SECONDS, _STEP_LOOKS_SECONDS = 1.0, 0.5


def run(stage: Stage, basis: Record, policy: Policy, shape: str, seed: int, sizes: Sizes) -> Record:
    """Release a policy and send a shape.

    Args:
        stage: The cluster.
        basis: What one replica carries, with its plans.
        policy: What decides.
        shape: A key of `shapes.SHAPES`.
        seed: Of the arrivals and bursts: the same for all policies.
        sizes: How long.
    """
    plan = planned.read(basis["plans"]["cpu"])
    unit, surge = plan["peak_rate"] / shapes.PEAK, plan["surge_per_second"]
    load = shapes.load(shape, unit, surge, seed, sizes.stretch)
    record = journal.begun("run", seed) | {"policy": policy.name, "shape": shape}
    _released(stage, basis, policy)
    return record | _watched(stage, basis, policy, load, seed, _RUN_LOOKS_SECONDS)


def steps(stage: Stage, basis: Record, policy: Policy, part: int, seed: int, sizes: Sizes) -> Record:
    """Release a policy that lets replicas go at once, and send steps of three times the load.

    Args:
        stage: The cluster.
        basis: What one replica carries, with its plans.
        policy: One of ekiben's.
        part: From 0.
        seed: Of the phases and the arrivals.
        sizes: How many steps, how long.
    """
    plan = planned.read(basis["plans"]["cpu"])
    unit, fewest = plan["peak_rate"] / shapes.PEAK, plan.whole("min_replicas")
    load = reaction.load(sizes, reaction.LOW_RATIO * fewest * unit, seed, part)
    record = journal.begun("steps", seed) | {"policy": policy.name, "part": part, "fewest": fewest}
    own = f"steps of {policy.name} on {basis['plans']['cpu']['sha256']}"
    if stage.serving != [own]:
        _released(stage, basis, policy)
        stage.down_at_once()
        stage.serving[:] = [own]
    return record | _watched(stage, basis, policy, load, seed + part, _STEP_LOOKS_SECONDS)


def _released(stage: Stage, basis: Record, policy: Policy) -> None:
    kept = basis["plans"][policy.signal]
    told = policies.asked(
        policy,
        planned.read(kept),
        saturation_rate=basis["saturation_rate"],
        namespace=stage.namespace,
        release=RELEASE,
        prometheus_url=stage.rig.address.prometheus_url,
    )
    stage.release(told, kept["text"] if told.signal else "")


def _watched(
    stage: Stage, basis: Record, policy: Policy, load: Load, seed: int, apart_seconds: float
) -> Record:
    """Settle under what a load begins with, send it to the Service and look on."""
    fewest = planned.read(basis["plans"][policy.signal]).whole("min_replicas")
    stage.calm(fewest, load.segments[0].rate)
    hpa, target = stage.hpa()["spec"], stage.target()
    zero: list[float] = []

    def begun(seconds: float, _sent: object) -> None:
        if not zero and seconds > 0:  # below 0 is told as 0
            zero.append(time.monotonic() - seconds)

    started_at, began = time.time(), time.monotonic()
    with watching(stage.rig, stage.namespace, apart_seconds) as seen:
        number, found = generator.record(target, load, seed=seed, on_second=begun)
    figures = sent.figures(
        found, objective_seconds=planned.OBJECTIVE_SECONDS, started_at=started_at, planned=number, seed=seed
    )
    return {
        "segments": shapes.segments(load),
        "arrivals_seed": seed,
        "objective_seconds": planned.OBJECTIVE_SECONDS,
        **_setting(stage, basis, policy, hpa),
        **figures,
        **seen_since(seen, zero[0] if zero else began, load.seconds),
        "seconds": round(time.monotonic() - began, 1),
    }


def _setting(stage: Stage, basis: Record, policy: Policy, hpa: dict[str, Any]) -> dict[str, Any]:
    """What the policy and its pods were, as the API has it."""
    plan: CapacityPlan = planned.read(basis["plans"][policy.signal])
    pod = stage.project.pods()[0]["spec"]["containers"][0]
    return {
        "basis": basis["plans"]["cpu"]["sha256"],
        "bad_ratio": plan["bad_ratio"],
        "hpa": {
            name: hpa[name] for name in ("minReplicas", "maxReplicas", "metrics", "behavior") if name in hpa
        },
        "request": pod["resources"]["requests"]["cpu"],
        "limit_millicores": LIMIT_MILLICORES,
        "most_in_progress": plan.whole("concurrency_limit"),
        "timeout_seconds": planned.TIMEOUT_SECONDS,
        "target_rate": (
            policies.served_target(basis["saturation_rate"])
            if policy.kind == "served"
            else plan["target_rate"]
        ),
        "lag_seconds": plan["mean_lag_seconds"],
        "kubernetes": stage.kubernetes(),
        "image": pod["image"].rpartition("/")[2],
    }


def seen_since(seen: Watch, zero: float, seconds: float) -> dict[str, Any]:
    """What was seen during a load, from its start on.

    Args:
        seen: All that was seen.
        zero: When the load started, monotonic seconds.
        seconds: Its length.
    """
    looks = [
        [round(each.at - zero, 2), each.desired, each.ready, each.percent]
        for each in seen.looks
        if each.at - zero <= seconds
    ]
    first = bisect.bisect_left([each[0] or 0.0 for each in looks], 0.0)
    return {
        "looks": looks[max(0, first - 1) :],  # the last one before says what there was at the start
        "busy": [round(share, 3) for at, share in seen.busy if 0 <= at - zero <= seconds],
        "starts": sorted(made for made, _ in seen.started.values()),
        "blind": seen.blind,
    }


def each_second(looks: Sequence[Sequence[float]], column: int, seconds: int) -> list[int]:
    """A column of looks at the end of each second: what the last look until then said; 0 before the first."""
    found, place, value = [], 0, 0
    for second in range(1, seconds + 1):
        while place < len(looks) and looks[place][0] <= second:
            value = int(looks[place][column])
            place += 1
        found.append(value)
    return found
