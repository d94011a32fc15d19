"""The API server's audit log, told apart into syncs, specs and pods. Pure.

One read of a Deployment's scale by the autoscaler's account is one sync: the controller reads it first, works
on an HPA in one place at a time, and reads it again within a sync only after a write that was refused. What
follows it, up to the next read, belongs to it: requests for metrics in the order of the spec (their answers
are told by the audit ID, which the API server hands on), a write of the scale, a write of the HPA's status.
Pods are what all writes until then left of them, because the controller lists them from its watch after it
has read a metric.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from tests.oracles.closed_loop.trace import Json

ACCOUNT = "system:serviceaccount:kube-system:horizontal-pod-autoscaler"
REFUSED = 400  # status, and up
# Nearer to a sync than this, a write may or may not have reached the controller's watch.
RACING_SECONDS = 0.03
_METRICS = ("metrics.k8s.io", "custom.metrics.k8s.io", "external.metrics.k8s.io")
Change = tuple[float, str, Json | None]


@dataclass(slots=True)
class Sync:
    """What the log says of one sync.

    Attributes:
        scale: As it was read.
        at: When it had been read, seconds since the epoch.
        reads: Requests for metrics.
        wrote: The last write of the scale.
        status: As it was written.
        told: The API server took the status.
        acted: When the controller first wrote something.
    """

    scale: Json
    at: float
    reads: list[Json] = field(default_factory=list)
    wrote: Json | None = None
    status: Json | None = None
    told: bool = True
    acted: float | None = None

    @property
    def tries_again(self) -> bool:
        """The API server refused its write of the scale: the controller reads the scale for another try."""
        refused = self.wrote is not None and self.wrote["responseStatus"]["code"] >= REFUSED
        return refused and self.status is None

    def until(self, now: float) -> float:
        """When a write to a pod is too late to be seen: the controller has acted."""
        late = now + RACING_SECONDS
        return late if self.acted is None else min(late, self.acted)


def seconds(stamp: str) -> float:
    """Seconds since the epoch of an RFC 3339 time in UTC."""
    return datetime.fromisoformat(stamp).astimezone(UTC).timestamp()


def syncs(events: Sequence[Json]) -> list[Sync]:
    """Syncs of one HPA.

    Args:
        events: Of its namespace, in the order of their receipt.
    """
    made: list[Sync] = []
    for event in events:
        if event["user"]["username"] != ACCOUNT:
            continue
        target = event["objectRef"]
        what = (event["verb"], target["resource"], target.get("subresource", ""))
        code = event["responseStatus"]["code"]
        if what == ("get", "deployments", "scale"):
            if code < REFUSED and not (made and made[-1].tries_again):
                made.append(Sync(event["responseObject"], seconds(event["stageTimestamp"])))
        elif not made:
            continue
        elif target.get("apiGroup") in _METRICS:
            made[-1].reads.append(event)
        elif what == ("update", "deployments", "scale"):
            made[-1].wrote = event
            made[-1].acted = made[-1].acted or seconds(event["requestReceivedTimestamp"])
        elif what == ("update", "horizontalpodautoscalers", "status"):
            made[-1].status = event["requestObject"]["status"]
            made[-1].told = code < REFUSED
            made[-1].acted = made[-1].acted or seconds(event["requestReceivedTimestamp"])
    return made


def specs(events: Iterable[Json]) -> list[tuple[float, Json]]:
    """Specs of the HPA as the API server stored them, and when."""
    made: list[tuple[float, Json]] = []
    for event in events:
        target = event["objectRef"]
        is_spec = target["resource"] == "horizontalpodautoscalers" and not target.get("subresource")
        if is_spec and event["verb"] in ("create", "patch") and event["responseStatus"]["code"] < REFUSED:
            spec = {
                key: value
                for key, value in event["responseObject"]["spec"].items()
                if key != "scaleTargetRef"
            }
            made.append((seconds(event["stageTimestamp"]), spec))
    return made


def changes(events: Iterable[Json]) -> list[Change]:
    """Pods after each write, and when; None for one that is gone."""
    made: list[Change] = []
    for event in events:
        found = event.get("responseObject", {})
        if event["objectRef"]["resource"] != "pods" or found.get("kind") != "Pod":
            continue  # a binding, or refused
        metadata = found["metadata"]
        gone = event["verb"] == "delete" and not metadata.get("deletionGracePeriodSeconds")
        made.append((seconds(event["stageTimestamp"]), metadata["name"], None if gone else found))
    return sorted(made, key=lambda each: each[0])
