"""The same inputs given to ekiben's controller, and its decisions beside the real one's. Pure.

Each sync is given what the real controller read in it, the replicas too; only the memory is ekiben's own. A
decision is the number of replicas wanted after a sync. One that differs is within one sync if it lies between
the least and the most that the real controller decided in the sync before and the one after.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from tests.oracles import hpa_ours
from tests.oracles.closed_loop.trace import Json

from ekiben.scale.hpa.autoscaler import Autoscaler
from ekiben.scale.hpa.controller import Seen, sync
from ekiben.scale.hpa.history import Memory

Clock = Literal["now", "by"]
_REASONS = {"a": "able", "l": "limited", "c": "active"}


def decisions(recording: Json, clock: Clock = "now") -> list[Json]:
    """What ekiben decides, sync by sync, in the form of `hpa_ours`.

    Args:
        recording: As `live` makes it.
        clock: The controller reads its clock between `now`, when it was given the last metric, and `by`, when
            it next asked the API server for something: which of them to take.
    """
    flags = hpa_ours._flags(recording["flags"])
    hpa, memory, pods = Autoscaler.of(recording["spec"]), Memory(), []
    made = []
    for step, done in zip(recording["steps"], recording["done"], strict=True):
        if "hpa" in step:
            hpa = Autoscaler.of(step["hpa"])
        if "pods" in step:
            pods = [hpa_ours._pod(each) for each in step["pods"]]
        read = [hpa_ours._found(each) for each in step["read"]]
        decision, after = sync(
            hpa, flags, memory, Seen(step[clock], step["spec"], step["status"], pods, read)
        )
        if not done.get("kept", True):  # refused by the API server: the controller keeps no change in mind
            after = replace(after, ups=memory.ups, downs=memory.downs)
        memory = after
        made.append(hpa_ours._shown(decision))
    return made


def comparison(recording: Json) -> Json:
    """Both sides of a recording, in numbers, and every decision that differs with both sides.

    Returns:
        `syncs`, `rescales`, `identical`, `within_one` (differing, by one sync), `statuses` (where the
        decision is identical, but reasons or uses are not), `racing`, `refused`, and `mismatches`.
    """
    theirs, ours, later = recording["done"], decisions(recording), decisions(recording, "by")
    wanted = [each["r"] for each in theirs]
    mismatches, statuses = [], 0
    for place, (real, mine) in enumerate(zip(theirs, ours, strict=True)):
        told = _differing(real, mine)
        if real["r"] == mine["r"]:
            statuses += bool(told)
        if real["r"] != mine["r"] or told:
            made = _mismatch(recording, place, real, mine, told, near=_near(wanted, place, mine["r"]))
            mismatches.append(
                made | {"clock": later[place]["r"] == real["r"] and bool(mine["r"] != real["r"])}
            )
    differing = [each for each in mismatches if each["decision"]]
    return {
        "syncs": len(theirs),
        "rescales": sum(
            each["r"] != step["spec"] for each, step in zip(theirs, recording["steps"], strict=True)
        ),
        "identical": len(theirs) - len(differing),
        "within_one": sum(each["within_one"] for each in differing),
        "statuses": statuses,
        "racing": sum(each.get("racing", False) for each in theirs),
        "refused": sum(not each.get("kept", True) for each in theirs),
        "mismatches": mismatches,
    }


def _near(wanted: Sequence[int], place: int, mine: int) -> bool:
    around = wanted[max(0, place - 1) : place + 2]
    return min(around) <= mine <= max(around)


def _differing(real: Json, mine: Json) -> list[str]:
    """Parts of the status that differ; what a sync does not ask, it leaves as it was."""
    found = [
        name
        for key, name in _REASONS.items()
        if mine[key] and mine[key] != real[key] and (key != "a" or real.get("kept", True))
    ]
    if mine["m"] and mine["m"] != real["m"]:
        found.append("uses")
    return found


def _mismatch(recording: Json, place: int, real: Json, mine: Json, told: list[str], *, near: bool) -> Json:
    differs = real["r"] != mine["r"]
    return {
        "sync": place,
        "now": recording["steps"][place]["now"],
        "decision": differs,
        "within_one": differs and near,
        "status": told,
        "racing": real.get("racing", False),
        "controller": real,
        "ekiben": mine,
    }
