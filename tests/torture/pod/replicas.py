"""Several servers and what stands for the cluster around them: endpoints, restarts, probes.

Stated simplification: an ended process leaves the endpoints, and is started
again, as soon as the harness sees it (10 ms); a kubelet takes up to a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.torture.pod import target, wire
from tests.torture.pod.target import Served, Target

_GLANCE_SECONDS = 0.01


@dataclass
class Replicas:
    """Servers of one kind, restarted when they end, on the same port as a container keeps its address.

    Attributes:
        kind: What is started.
        folder: For logs.
        count: How many.
        more: Settings.
        running: By port.
        ready: Ports that may be called.
        back_seconds: Of each restart, from the end of the process to ready.
    """

    kind: Target
    folder: Path
    count: int
    more: Mapping[str, str] = field(default_factory=dict)
    running: dict[int, Served] = field(default_factory=dict)
    ready: list[int] = field(default_factory=list)
    back_seconds: list[float] = field(default_factory=list)
    _watching: asyncio.Task[None] | None = None
    _opening: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        """Start them all."""
        for _ in range(self.count):
            served = target.start(self.kind, self.folder, self.more)
            self.running[served.port] = served
        await asyncio.gather(*(served.ready() for served in self.running.values()))
        self.ready = list(self.running)
        self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End them all."""
        for task in (self._watching, *self._opening):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, TimeoutError, OSError, wire.WireError):
                    await task
        for served in self.running.values():
            served.end()

    async def _watch(self) -> None:
        while True:
            for port, served in list(self.running.items()):
                if not served.alive:
                    self._restart(port, served)
            await asyncio.sleep(_GLANCE_SECONDS)

    def _restart(self, port: int, dead: Served) -> None:
        ended = time.monotonic()
        if port in self.ready:
            self.ready.remove(port)
        dead.end()  # a container's end takes all its processes along
        served = target.start(self.kind, self.folder, self.more, port)
        self.running[port] = served
        task = asyncio.create_task(self._back(served, ended))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _back(self, served: Served, ended: float) -> None:
        await served.ready()
        self.ready.append(served.port)
        self.back_seconds.append(time.monotonic() - ended)

    async def settled(self, seconds: float) -> bool:
        """Wait until all are ready; False if they are not in time."""
        end = time.monotonic() + seconds
        while len(self.ready) < self.count:
            if time.monotonic() > end:
                return False
            await asyncio.sleep(_GLANCE_SECONDS)
        return True


async def probe(served: Served, path: str, *, period: float, seconds: float) -> list[str]:
    """Probe for ever as a kubelet does; gives what failed when it is cancelled.

    Args:
        served: Whom.
        path: E.g. `/livez`.
        period: Between two probes.
        seconds: After which one has failed.
    """
    failures = []
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            try:
                status = (await served.get(path, seconds)).status
                if status >= 400:
                    failures.append(f"status {status}")
            except (OSError, wire.WireError, TimeoutError) as error:
                failures.append(type(error).__name__)
            await asyncio.sleep(period)
    return failures
