"""The world around the controller while it is watched: Deployments, HPAs, and pods without a kubelet.

One loop plays all traces and answers for their metrics, because what a metric says depends on the pods that
run at that moment. What changes a pod waits until the trace's last sync is some time past and its next some
time off, so that it is plain which sync saw it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.oracles.closed_loop.api import Api
from tests.oracles.closed_loop.metrics_server import MetricsServer
from tests.oracles.closed_loop.place import Place, Pod
from tests.oracles.closed_loop.plane import Plane
from tests.oracles.closed_loop.trace import Happening, Json, Trace

_TERMINATION_SECONDS = 30  # of a pod's spec: longer than any takes to end
_SETTLE_SECONDS = 2.0  # from a Deployment to its HPA, and from an HPA's end to the world's


async def play(
    plane: Plane, traces: Sequence[Trace], seed: int, seconds: int, sync_seconds: float, log: Path
) -> None:
    """Play traces side by side, to their end.

    Args:
        plane: The control plane.
        traces: Which.
        seed: Of all chance.
        seconds: How long they last.
        sync_seconds: The controller's period.
        log: Takes a line for each answer of a metrics' API; certificates are put beside it.

    Raises:
        RuntimeError: The API server refused something, or a part of the world failed.
    """
    places = {each.name: Place(each, seed, seconds, sync_seconds) for each in traces}
    async with Api.open(plane) as api:
        world = _World(api, places)
        async with MetricsServer(places, log).serving(api, log.parent):
            await world.run()


class _World:
    """All places, and what lives in them."""

    def __init__(self, api: Api, places: dict[str, Place]) -> None:
        self._api = api
        self._places = places
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        self._spawn(self._watch())
        try:
            await asyncio.gather(*(self._play(place) for place in self._places.values()))
            for place in self._places.values():
                await self._api.delete(f"{place.hpas}/model")
            await asyncio.sleep(_SETTLE_SECONDS)
            self._check()
        finally:
            for task in self._tasks:
                task.cancel()

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._tasks.add(asyncio.get_running_loop().create_task(coroutine))

    def _check(self) -> None:
        """What failed on the side fails the run."""
        for task in self._tasks:
            if task.done() and (error := task.exception()) is not None:
                raise RuntimeError(f"expected the world to hold, found {error!r}") from error

    # Pods

    async def _watch(self) -> None:
        async for event in self._api.watch("/api/v1/pods"):
            metadata = event["object"]["metadata"]
            if (place := self._places.get(metadata["namespace"])) is not None:
                self._seen(place, event["type"], metadata)

    def _seen(self, place: Place, kind: str, metadata: Json) -> None:
        name = metadata["name"]
        if kind == "DELETED":
            place.pods.pop(name, None)
        elif kind == "ADDED":
            place.pods[name] = pod = Pod(name, place.count)
            place.count += 1
            self._spawn(self._live(place, pod))
        elif metadata.get("deletionTimestamp") and not place.pods[name].ending:
            place.pods[name].ending = True
            self._spawn(self._end(place, place.pods[name]))

    async def _live(self, place: Place, pod: Pod) -> None:
        """From pending by running to ready."""
        began = time.monotonic()
        if place.trace.end_seconds:  # only a pod that is on a node is waited for when it is deleted
            path = f"/api/v1/{place.namespace}/pods/{pod.name}/binding"
            target = {"kind": "Node", "name": "nowhere"}
            await self._api.create(path, {"metadata": {"name": pod.name}, "target": target})
        await asyncio.sleep(place.trace.pending_seconds)
        await place.calm()
        running = {"phase": "Running", "startTime": _stamp(), "conditions": [_readiness("False")]}
        await self._api.merge(place.status_of(pod), {"status": running})
        pod.running_since = time.monotonic()
        await asyncio.sleep(max(0.0, began + place.trace.start_seconds - time.monotonic()))
        await place.calm()
        await self._ready(place, pod, ready=True)

    async def _ready(self, place: Place, pod: Pod, *, ready: bool) -> None:
        await self._api.merge(place.status_of(pod), {"status": {"conditions": [_readiness(str(ready))]}})
        pod.ready = ready

    async def _end(self, place: Place, pod: Pod) -> None:
        """Gone some time after it was deleted."""
        pod.ready = False
        await asyncio.sleep(place.trace.end_seconds)
        await place.calm()
        await self._api.delete(f"/api/v1/{place.namespace}/pods/{pod.name}", {"gracePeriodSeconds": 0})

    # A trace

    async def _play(self, place: Place) -> None:
        await self._api.create("/api/v1/namespaces", {"metadata": {"name": place.trace.name}})
        await self._api.create(place.deployments, _deployment(place.trace))
        await asyncio.sleep(_SETTLE_SECONDS)
        place.began = time.monotonic()
        target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "model"}
        spec = place.trace.spec | {"scaleTargetRef": target}
        await self._api.create(place.hpas, {"metadata": {"name": "model"}, "spec": spec})
        for each in place.trace.happenings:
            await asyncio.sleep(max(0.0, place.began + each.at * place.seconds - time.monotonic()))
            await place.calm()
            await self._do(place, each)
        await asyncio.sleep(max(0.0, place.began + place.seconds - time.monotonic()))

    async def _do(self, place: Place, happening: Happening) -> None:
        if happening.deed == "hpa":
            await self._api.merge(f"{place.hpas}/model", happening.patch)
        elif happening.deed == "deployment":
            await self._api.merge(f"{place.deployments}/model", happening.patch)
        elif pod := next((each for each in place.pods.values() if each.ready), None):
            if happening.deed == "unready":
                await self._ready(place, pod, ready=False)
                return
            pod.ready, pod.running_since = False, None
            await self._api.merge(place.status_of(pod), {"status": {"phase": "Failed"}})


def _stamp() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _readiness(status: str) -> Json:
    return {"type": "Ready", "status": status, "lastTransitionTime": _stamp()}


def _deployment(trace: Trace) -> Json:
    labels = {"app": "model"}
    containers = [
        {
            "name": name,
            "image": "none",
            "resources": {"requests": {resource: f"{value}m" for resource, value in requests.items()}},
        }
        for name, requests in trace.requests.items()
    ]
    pod = {"terminationGracePeriodSeconds": _TERMINATION_SECONDS, "containers": containers}
    spec: Json = {
        "replicas": trace.low if trace.replicas is None else trace.replicas,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    if trace.strategy:
        spec["strategy"] = trace.strategy
    return {"metadata": {"name": "model"}, "spec": spec}
