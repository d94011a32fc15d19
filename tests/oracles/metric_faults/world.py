"""Lanes side by side: the closed loop's Deployments and pods, with HPAs that meet faults."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.oracles.closed_loop import metrics_server, world
from tests.oracles.closed_loop.answers import EXTERNAL, RESOURCE, VERSIONS
from tests.oracles.closed_loop.api import Api
from tests.oracles.closed_loop.place import Place
from tests.oracles.closed_loop.trace import Json, Trace
from tests.oracles.metric_faults.autoscalers import SYNC_SECONDS, Subject
from tests.oracles.metric_faults.control import Programs
from tests.oracles.metric_faults.faults import Life, Span
from tests.oracles.metric_faults.server import Lane, Server

_REQUESTS: Json = {"app": {"cpu": 1000, "memory": 64_000_000_000}}
_START_SECONDS = 1.0  # of a pod: 15 of a cluster
_DEAD_PORT = 9  # discard: nothing listens
_CREATED = metrics_server._SERVICES


@dataclass(slots=True)
class Times:
    """When things were, seconds since the epoch.

    Attributes:
        began: When a lane's HPA was made, by namespace.
        restarts: When the controller-manager was killed.
    """

    began: dict[str, float] = field(default_factory=dict)
    restarts: list[float] = field(default_factory=list)


def trace(name: str, subject: Subject, life: Life) -> Trace:
    """A lane as the closed loop's world wants it."""
    spec = subject.spec
    return Trace(
        name, tuple(spec["metrics"]), "edges", subject.low, subject.high,
        behavior=spec.get("behavior"), requests=_REQUESTS, start_seconds=_START_SECONDS,
        replicas=min(subject.high, max(subject.low, round(life.loads[0] + 0.5))),
    )  # fmt: skip


async def play(
    programs: Programs,
    lives: Mapping[str, tuple[Subject, Life]],
    events: Sequence[Span],
    seconds: int,
    log: Path,
) -> Times:
    """Play lanes side by side, to their end.

    Args:
        programs: The control plane.
        lives: By the lane's name.
        events: Faults of the control plane itself.
        seconds: How long it lasts.
        log: Takes a line for each answer of a metrics' API; certificates are put beside it.

    Raises:
        RuntimeError: The API server refused something, or a part of the world failed.
    """
    lanes = {
        name: Lane(name, subject, life, Place(trace(name, subject, life), 1, seconds, SYNC_SECONDS))
        for name, (subject, life) in lives.items()
    }
    async with Api.open(programs.plane) as api:
        server = Server(lanes, log)
        async with server.serving(api, log.parent):
            lived = _World(api, {name: lane.place for name, lane in lanes.items()})
            lived.faults(_Events(api, server, programs), events)
            await lived.run()
    return lived.times


class _Events:
    """Does what a fault of the control plane is, and undoes it."""

    def __init__(self, api: Api, server: Server, programs: Programs) -> None:
        self._api = api
        self._server = server
        self._programs = programs
        self._taken: Json = {}

    async def begin(self, kind: str) -> None:
        group = RESOURCE if kind.startswith("cpu") else EXTERNAL
        path = f"{_CREATED}/{VERSIONS[group]}.{group}"
        if kind.endswith("-deleted"):
            self._taken = await self._api.get(path)
            await self._api.delete(path)
        elif kind.endswith("-dead"):
            self._taken = await self._api.get(path)
            await self._api.merge(path, {"spec": {"service": {"port": _DEAD_PORT}}})
        elif kind == "adapter-restart":
            await self._server.stop()
        else:
            self._programs.kill_manager()

    async def end(self, kind: str) -> None:
        if kind.endswith("-deleted"):
            metadata = {"name": self._taken["metadata"]["name"]}
            await self._api.create(_CREATED, {"metadata": metadata, "spec": self._taken["spec"]})
        elif kind.endswith("-dead"):
            path = f"{_CREATED}/{self._taken['metadata']['name']}"
            port = self._taken["spec"]["service"]["port"]
            await self._api.merge(path, {"spec": {"service": {"port": port}}})
        elif kind == "adapter-restart":
            await self._server.start()
        else:
            self._programs.start_manager()


class _World(world._World):
    """The closed loop's world, that says when its HPAs were made, and breaks the control plane."""

    def __init__(self, api: Api, places: dict[str, Place]) -> None:
        super().__init__(api, places)
        self.times = Times()
        self._all_began = asyncio.Event()

    def faults(self, events: _Events, spans: Sequence[Span]) -> None:
        """Have faults from when the last HPA is made."""
        self._spawn(self._break(events, spans))

    async def _break(self, events: _Events, spans: Sequence[Span]) -> None:
        await self._all_began.wait()
        origin = time.monotonic()
        for span in spans:
            await asyncio.sleep(max(0.0, origin + span.begin - time.monotonic()))
            if span.kind == "manager-killed":
                self.times.restarts.append(time.time())
            await events.begin(span.kind)
            await asyncio.sleep(max(0.0, origin + span.end - time.monotonic()))
            await events.end(span.kind)

    async def _play(self, place: Place) -> None:
        await self._api.create("/api/v1/namespaces", {"metadata": {"name": place.trace.name}})
        await self._api.create(place.deployments, world._deployment(place.trace))
        await asyncio.sleep(world._SETTLE_SECONDS)
        place.began = time.monotonic()
        self.times.began[place.trace.name] = time.time()
        if len(self.times.began) == len(self._places):
            self._all_began.set()
        target: Any = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "model"}
        spec = place.trace.spec | {"scaleTargetRef": target}
        await self._api.create(place.hpas, {"metadata": {"name": "model"}, "spec": spec})
        await asyncio.sleep(max(0.0, place.began + place.seconds - time.monotonic()))
