"""What the API and the node say, again and again, while a load runs."""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.e2e.rig import SELECTOR, Rig, ready_of

RELEASE = "iris"


@dataclass(frozen=True, slots=True)
class Look:
    """What the API said at one moment.

    Attributes:
        at: Monotonic seconds.
        desired: `spec.replicas` of the Deployment: what was patched.
        ready: Ready pods that are not ending.
        percent: CPU use in percent of the request, as the HPA saw it; None where it saw none.
    """

    at: float
    desired: int
    ready: int
    percent: int | None


def look(at: float, deployment: Mapping[str, Any], pods: list[Any], hpas: list[Any]) -> Look:
    """Read three answers of the API.

    Args:
        at: Monotonic seconds.
        deployment: The object.
        pods: Items of the list.
        hpas: The same; at most one.
    """
    current = [
        each["resource"]["current"].get("averageUtilization")
        for hpa in hpas
        for each in hpa.get("status", {}).get("currentMetrics") or ()
        if "resource" in each
    ]
    return Look(at, int(deployment["spec"]["replicas"]), ready_of(pods), current[0] if current else None)


def starts(pods: list[Any]) -> dict[str, tuple[float, float]]:
    """Of each ready pod, by name: seconds from its making, and from its container's start, to ready.

    The API gives whole seconds; over several pods that evens out.
    """
    found = {}
    for pod in pods:
        status = pod["status"]
        ready = [
            each["lastTransitionTime"]
            for each in status.get("conditions", ())
            if (each["type"], each["status"]) == ("Ready", "True")
        ]
        running = [
            each["state"]["running"]["startedAt"]
            for each in status.get("containerStatuses", ())
            if "running" in each.get("state", {})
        ]
        if ready and running:
            until = _seconds(ready[0])
            made = _seconds(pod["metadata"]["creationTimestamp"])
            found[pod["metadata"]["name"]] = (until - made, until - _seconds(running[0]))
    return found


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def ticks(stat: str) -> tuple[int, int]:
    """Busy and all ticks of all cores together, of `/proc/stat`.

    Source: https://man7.org/linux/man-pages/man5/proc_stat.5.html
    """
    fields = [int(each) for each in stat.split("\n", 1)[0].split()[1:9]]
    return sum(fields) - fields[3] - fields[4], sum(fields)


@dataclass(slots=True)
class Watch:
    """What was seen so far.

    Attributes:
        looks: Oldest first.
        busy: (monotonic seconds, share of the node's CPU time that was used since the one before, 0-1).
        started: As `starts`; of all pods that were seen.
        blind: Looks that the API did not answer.
    """

    looks: list[Look] = field(default_factory=list)
    busy: list[tuple[float, float]] = field(default_factory=list)
    started: dict[str, tuple[float, float]] = field(default_factory=dict)
    blind: int = 0


@contextmanager
def watching(rig: Rig, namespace: str, apart_seconds: float) -> Iterator[Watch]:
    """Look again and again until the block ends."""
    seen, over = Watch(), threading.Event()
    with rig.reading() as read:
        first = threading.Thread(
            target=_look_on, args=(read, namespace, apart_seconds, seen, over), daemon=True
        )
        second = threading.Thread(target=_sample_node, args=(seen, over), daemon=True)
        for thread in (first, second):
            thread.start()
        try:
            yield seen
        finally:
            over.set()
            first.join()
            second.join()


def _look_on(
    read: Callable[[str], Any], namespace: str, apart: float, seen: Watch, over: threading.Event
) -> None:
    labels = urllib.parse.quote(SELECTOR)
    deployment = f"/apis/apps/v1/namespaces/{namespace}/deployments/{RELEASE}"
    pods = f"/api/v1/namespaces/{namespace}/pods?labelSelector={labels}"
    hpas = f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers"
    while not over.is_set():
        try:
            target, found, scalers = read(deployment), read(pods)["items"], read(hpas)["items"]
        except (OSError, urllib.error.URLError, ValueError):
            seen.blind += 1
        else:
            seen.looks.append(look(time.monotonic(), target, found, scalers))
            seen.started.update(starts(found))
        over.wait(apart)


def _sample_node(seen: Watch, over: threading.Event) -> None:
    stat = Path("/proc/stat")
    busy, total = ticks(stat.read_text(encoding="ascii"))
    while not over.wait(1.0):
        more, whole = ticks(stat.read_text(encoding="ascii"))
        seen.busy.append((time.monotonic(), (more - busy) / max(1, whole - total)))
        busy, total = more, whole
