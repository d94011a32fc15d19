"""A trace's namespace while it is played: the pods that run there, and when its HPA was last at work."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from tests.oracles.closed_loop.answers import Moment, Running
from tests.oracles.closed_loop.trace import Trace

_CALM_SHARE = (0.25, 0.7)  # of a sync period since the last sync: when pods may change
_LOOK_SECONDS = 0.05


@dataclass(slots=True)
class Pod:
    """What is known of a pod.

    Attributes:
        name: Its name.
        number: Of the trace's pods, in the order of their creation.
        running_since: By the monotonic clock; None before it runs.
        ready: It takes load.
        ending: It was deleted.
    """

    name: str
    number: int
    running_since: float | None = None
    ready: bool = False
    ending: bool = False


@dataclass(slots=True)
class Place:
    """A trace being played.

    Attributes:
        trace: Which.
        seed: Of its chance.
        seconds: How long it lasts.
        sync_seconds: The controller's period.
        began: When its HPA was made, by the monotonic clock.
        last_read: When a metric was last asked for, by the monotonic clock.
        count: Pods so far.
        pods: By name.
    """

    trace: Trace
    seed: int
    seconds: int
    sync_seconds: float
    began: float = 0.0
    last_read: float = 0.0
    count: int = 0
    pods: dict[str, Pod] = field(default_factory=dict)
    _levels: tuple[tuple[float, ...], ...] = ()

    def __post_init__(self) -> None:
        metrics = range(len(self.trace.metrics))
        self._levels = tuple(self.trace.levels(self.seed, metric, self.seconds) for metric in metrics)

    @property
    def namespace(self) -> str:
        """Path of its namespace below an API group's version."""
        return f"namespaces/{self.trace.name}"

    @property
    def hpas(self) -> str:
        """Path of its HPAs."""
        return f"/apis/autoscaling/v2/{self.namespace}/horizontalpodautoscalers"

    @property
    def deployments(self) -> str:
        """Path of its Deployments."""
        return f"/apis/apps/v1/{self.namespace}/deployments"

    def status_of(self, pod: Pod) -> str:
        """Path of a pod's status."""
        return f"/api/v1/{self.namespace}/pods/{pod.name}/status"

    def moment(self) -> Moment:
        """What its metrics are made of, now."""
        now = time.monotonic()
        pods = tuple(
            Running(each.name, each.number, each.ready, now - each.running_since)
            for each in self.pods.values()
            if each.running_since is not None
        )
        second = now - self.began
        return Moment(self.trace, self._levels, self.seed, second, self.seconds, time.time(), pods)

    async def calm(self) -> None:
        """Wait for the middle between two syncs; where no metric is asked for, there is none."""
        low, high = (share * self.sync_seconds for share in _CALM_SHARE)
        while True:
            since = time.monotonic() - self.last_read
            if low <= since <= high or since > 2 * self.sync_seconds:
                return
            await asyncio.sleep(_LOOK_SECONDS)
