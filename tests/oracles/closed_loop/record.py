"""What each sync of an HPA saw and did, from the audit log and the metrics' answers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.oracles.closed_loop import audit
from tests.oracles.closed_loop.answers import block
from tests.oracles.closed_loop.audit import REFUSED, Sync, seconds
from tests.oracles.closed_loop.trace import Json

_BEFORE_SECONDS = 100.0  # from a recording's epoch to its first sync: its pods are older


def recording(
    events: Iterable[Json], answers: Mapping[str, Json], namespace: str
) -> tuple[Json, list[Json], list[Json]]:
    """What one trace's controller was given, and what it did.

    Args:
        events: Of the audit log, any namespace.
        answers: Of the metrics' APIs, by audit ID.
        namespace: The trace's.

    Returns:
        The spec at first; steps, as `hpa_cases` has them, but that pods are left out where they are as
        before, and that `by` is when the controller first wrote something; for each what it did: `r`
        replicas that it wanted, `kept` if the API server took them, reasons `a`, `l` and `c` and uses `m`
        from the status, `racing` if a pod changed at nearly the same time.

    Raises:
        ValueError: There is no HPA, or no sync of it.
    """
    mine = [each for each in events if each.get("objectRef", {}).get("namespace") == namespace]
    mine.sort(key=lambda each: seconds(each["requestReceivedTimestamp"]))
    syncs, specs = audit.syncs(mine), audit.specs(mine)
    if not syncs or not specs:
        raise ValueError(f"expected an HPA and syncs in {namespace}, found {len(specs)} and {len(syncs)}")
    epoch = float(int(syncs[0].at)) - _BEFORE_SECONDS
    changes = audit.changes(mine)
    steps = _steps(syncs, specs, changes, answers, epoch)
    return specs[0][1], steps, _deeds(syncs, changes, [each["now"] + epoch for each in steps])


def _steps(
    syncs: Sequence[Sync],
    specs: Sequence[tuple[float, Json]],
    changes: Sequence[audit.Change],
    answers: Mapping[str, Json],
    epoch: float,
) -> list[Json]:
    made: list[Json] = []
    spec, left = specs[0][1], list(changes)
    state: dict[str, Json] = {}
    shown: list[Json] | None = None
    for sync in syncs:
        step: Json = {}
        current = [each for at, each in specs if at <= sync.at]
        if current and current[-1] != spec:
            step["hpa"] = spec = current[-1]
        now, read = _read(sync, spec["metrics"], answers)
        while left and left[0][0] <= now:
            _apply(state, left.pop(0))
        pods = [_pod(each, epoch) for _, each in sorted(state.items())]
        if pods != shown:
            step["pods"] = shown = pods
        scale = {name: sync.scale[name].get("replicas", 0) for name in ("spec", "status")}
        times = {"now": round(now - epoch, 6), "by": round(max(now, sync.acted or 0.0) - epoch, 6)}
        made.append(step | times | scale | {"read": [_found(*each, epoch) for each in read]})
    return made


def _deeds(syncs: Sequence[Sync], changes: Sequence[audit.Change], times: Sequence[float]) -> list[Json]:
    made: list[Json] = []
    status: Json | None = None
    for sync, now in zip(syncs, times, strict=True):
        racing = any(now - audit.RACING_SECONDS < at < sync.until(now) for at, *_ in changes)
        made.append(_done(sync, sync.status or status, racing=racing))
        if sync.told:
            status = sync.status or status
    return made


def _apply(state: dict[str, Json], change: audit.Change) -> None:
    _, name, found = change
    if found is None:
        state.pop(name, None)
    else:
        state[name] = found


def _pod(found: Json, epoch: float) -> Json:
    status = found.get("status", {})
    ready = next((each for each in status.get("conditions", []) if each["type"] == "Ready"), None)
    start = status.get("startTime")
    made: Json = {
        "n": found["metadata"]["name"],
        "p": status.get("phase", "Pending"),
        "s": None if start is None else seconds(start) - epoch,
        "c": None
        if ready is None
        else {"s": ready["status"], "t": seconds(ready["lastTransitionTime"]) - epoch},
        "r": {
            each["name"]: {name: milli(value) for name, value in each["resources"]["requests"].items()}
            for each in found["spec"]["containers"]
        },
    }
    return made | ({"d": True} if "deletionTimestamp" in found["metadata"] else {})


def milli(text: str) -> int:
    """A quantity in thousandths: whole numbers, thousands, or thousandths, as the API server stores ours."""
    for suffix, scale in (("m", 1), ("k", 10**6), ("M", 10**9), ("G", 10**12)):
        if text.endswith(suffix):
            return int(text.removesuffix(suffix)) * scale
    return int(text) * 1000


def _read(
    sync: Sync, metrics: Sequence[Json], answers: Mapping[str, Json]
) -> tuple[float, list[tuple[Json, Json | None]]]:
    """When the last answer had been handed on, and each metric's entry and answer, if it has one."""
    now, made = sync.at, []
    for place, entry in enumerate(metrics):
        event = sync.reads[place] if place < len(sync.reads) else None
        made.append((entry, None if event is None else answers.get(event["auditID"])))
        if event is not None:
            now = seconds(event["stageTimestamp"])
    return now, made


def _found(entry: Json, answer: Json | None, epoch: float) -> Json:
    if answer is None or answer["status"] >= REFUSED or not answer["body"]["items"]:
        return {"error": True}
    items, kind = answer["body"]["items"], entry["type"]
    if kind in ("Object", "External"):
        return {"values": [milli(each["value"]) for each in items]}
    if kind == "Pods":
        return {
            "pods": {
                each["describedObject"]["name"]: [
                    milli(each["value"]),
                    seconds(each["timestamp"]) - epoch,
                    float(each["windowSeconds"]),
                ]
                for each in items
            }
        }
    asked = block(entry)
    return {
        "pods": {
            each["metadata"]["name"]: [
                sum(
                    milli(one["usage"][asked["name"]])
                    for one in each["containers"]
                    if asked.get("container", one["name"]) == one["name"]
                ),
                seconds(each["timestamp"]) - epoch,
                float(each["window"].removesuffix("s")),
            ]
            for each in items
        }
    }


def _done(sync: Sync, status: Json | None, *, racing: bool) -> Json:
    wanted = sync.wrote["requestObject"]["spec"].get("replicas", 0) if sync.wrote else None
    made: Json = {"r": sync.scale["spec"].get("replicas", 0) if wanted is None else wanted}
    if sync.wrote and sync.wrote["responseStatus"]["code"] >= REFUSED:
        made["kept"] = False
    if racing:
        made["racing"] = True
    reasons = {each["type"]: each["reason"] for each in (status or {}).get("conditions", [])}
    for key, kind in (("a", "AbleToScale"), ("l", "ScalingLimited"), ("c", "ScalingActive")):
        made[key] = reasons.get(kind, "")
    made["m"] = [_use(each) for each in (status or {}).get("currentMetrics") or []]
    return made


def _use(entry: Mapping[str, Any]) -> list[int | None] | None:
    """Percent, mean and total of a metric, as the status has them; None for one that failed."""
    if not entry.get("type"):
        return None
    current = block(entry)["current"]
    return [
        current.get("averageUtilization"),
        *(None if key not in current else milli(current[key]) for key in ("averageValue", "value")),
    ]
