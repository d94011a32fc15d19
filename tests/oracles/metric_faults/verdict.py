"""What a lane's controller did in each fault, held against the true demand. Pure.

A decision is bad if it takes replicas away and leaves fewer than the least demand since the metric was read.
Without a fault no such decision is made (the first entry of a lane, before its first fault, shows it): a
reading that is true asks for at least that many, and the largest recommendation of the window is taken.
Whatever happens until the next fault begins belongs to the one before.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.oracles.closed_loop import replay
from tests.oracles.closed_loop.trace import Json
from tests.oracles.metric_faults.autoscalers import NET, PACE, Subject
from tests.oracles.metric_faults.faults import DEMAND_AWAY, Fault, Life, needed

# A reading is at most so old when the controller decides: demand is read in the sync, CPU sampled before it.
_DEMAND_AGE_SECONDS, _CPU_AGE_SECONDS = 0.3, 1.5
UP_GOAL_SECONDS = 45.0  # of a cluster: from a load that CPU sees to a decision for more, demand away
_CUT = 1.02  # CPU's whole percents hide as much


def faults(recording: Json, subject: Subject, life: Life) -> list[Json]:
    """One entry for the time before the first fault, one for each fault.

    Args:
        recording: Steps and deeds as `record.recording` has them, and `zero`, when the HPA was made.
        subject: The HPA.
        life: Its load and faults.

    Returns:
        Each with `kind`, `shape`, `begin`, `end`, `syncs`, `ups`, `downs`, `blind` (syncs in which a metric
        failed), `blind_downs` of them, `below` (bad decisions: when, replicas, replicas wanted and needed,
        load), and for a demand that is away while load rises `up_seconds`, of a cluster; -1 for never.
    """
    looks = [
        _look(*each, recording["zero"]) for each in zip(recording["steps"], recording["done"], strict=True)
    ]
    made = []
    for fault in (None, *life.faults):
        mine = [each for each in looks if life.since(each["at"]) == fault]
        made.append(_named(fault) | _sums(mine, subject, life) | _rise(mine, fault, subject, life))
    return made


def _look(step: Json, done: Json, zero: float) -> Json:
    return {
        "at": step["now"] - zero,
        "by": step["by"] - zero,
        "was": step["spec"],
        "pods": step["status"],
        "wants": done["r"],
        "blind": any(each.get("error") for each in step["read"]),
    }


def _named(fault: Fault | None) -> Json:
    if fault is None:
        return {"kind": "none", "shape": "flat"}
    return {"kind": fault.kind, "shape": fault.shape, "begin": fault.begin, "end": fault.end}


def _sums(looks: Sequence[Json], subject: Subject, life: Life) -> Json:
    downs = [each for each in looks if each["wants"] < each["was"]]
    age = _DEMAND_AGE_SECONDS if subject.asks_demand else _CPU_AGE_SECONDS
    below = []
    for each in downs:
        least = life.least(each["at"] - age, each["by"])
        need = needed(subject, least, each["pods"])
        if each["wants"] < need:
            below.append([round(each["at"], 3), each["was"], each["wants"], need, round(least, 3)])
    return {
        "syncs": len(looks),
        "ups": sum(each["wants"] > each["was"] for each in looks),
        "downs": len(downs),
        "blind": sum(each["blind"] for each in looks),
        "blind_downs": sum(each["blind"] for each in downs),
        "below": below,
    }


def _rise(looks: Sequence[Json], fault: Fault | None, subject: Subject, life: Life) -> Json:
    """How long it took to ask for more by CPU alone, where that was to be."""
    asked = fault is not None and fault.kind in DEMAND_AWAY and fault.shape == "rising"
    if not asked or fault is None or not (subject.asks_demand and subject.target_percent):
        return {}
    begin = max(fault.begin, fault.step)
    late = [each for each in looks if begin <= each["at"] <= fault.end]
    if not late:
        return {}
    was = late[0]["was"]
    seen = next((each["at"] for each in late if life.load(each["at"] - 1) > was * NET * _CUT), None)
    if seen is None or was >= subject.high:
        return {}
    from_load = begin if life.load(begin) > was * NET * _CUT else _crossing(life, begin, seen, was)
    if fault.end - from_load < UP_GOAL_SECONDS / PACE:
        return {}
    up = next((each for each in late if each["blind"] and each["wants"] > was), None)
    return {"up_seconds": -1.0 if up is None else round((up["by"] - from_load) * PACE, 1)}


def _crossing(life: Life, begin: float, end: float, was: int) -> float:
    """When a growing load has passed what CPU takes for enough, by halving."""
    for _ in range(30):
        middle = (begin + end) / 2
        begin, end = (begin, middle) if life.load(middle) > was * NET * _CUT else (middle, end)
    return end


def decisions(recording: Json, clock: replay.Clock = "now") -> list[int]:
    """Replicas that ekiben's controller decides on the same inputs, forgetting all where the real one did.

    Args:
        recording: As `live` makes it.
        clock: Which end of the time in which the controller reads its clock, as `replay.decisions` has it.
    """
    marks = [*recording["restarts"], float("inf")]
    parts: list[tuple[list[Json], list[Json]]] = [([], [])]
    pods: list[Json] = []
    for step, done in zip(recording["steps"], recording["done"], strict=True):
        pods = step.get("pods", pods)
        if step["now"] - recording["zero"] >= marks[0]:
            marks.pop(0)
            parts.append(([], []))
        # The pods that there are must be told to a new part.
        parts[-1][0].append(step if parts[-1][0] else step | {"pods": pods})
        parts[-1][1].append(done)
    return [
        each["r"]
        for steps, dones in parts
        if steps
        for each in replay.decisions(recording | {"steps": steps, "done": dones}, clock)
    ]


def comparison(recording: Json) -> Json:
    """How many of a recording's decisions ekiben's controller takes too.

    Returns:
        `compared`, `identical`, and `differing`: second, replicas before, the real controller's decision,
        ekiben's, and ekiben's with the other end of the clock.
    """
    ours, later = decisions(recording), decisions(recording, "by")
    differing = [
        [round(step["now"] - recording["zero"], 3), step["spec"], done["r"], mine, other]
        for step, done, mine, other in zip(recording["steps"], recording["done"], ours, later, strict=True)
        if done["r"] != mine
    ]
    return {
        "compared": len(ours),
        "identical": len(ours) - len(differing),
        "differing": differing,
    }
