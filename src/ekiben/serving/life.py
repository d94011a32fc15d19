"""Readiness and drain: what a pod says about itself, and how it goes."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

import orjson

from ekiben.serving.answer import Answer
from ekiben.serving.artefact import Artefact

QUIET_SECONDS = 1.0  # a drain ends when no request came for so long
_TICK_SECONDS = 0.05
_RETRY_AFTER = ((b"retry-after", b"1"),)


class Life:
    """State of one pod.

    Args:
        artefact: What it serves.
        clock: Monotonic seconds.

    Attributes:
        ready: Whether golden rows gave the right answers.
        draining: Whether it is going.
    """

    def __init__(self, artefact: Artefact, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ready = orjson.dumps(
            {
                "status": "ready",
                "model": {"name": artefact.name, "version": artefact.version},
                "artefact": artefact.sha256,
            }
        )
        self._state, self._reason = "starting", "the model is being loaded"
        self._last_arrival = -math.inf
        self.ready = self.draining = False

    def become_ready(self) -> None:
        """All golden rows were right; stays so while draining."""
        self.ready = True

    def fail(self, reason: str) -> None:
        """The pod will not become ready."""
        self._state, self._reason = "failed", reason

    def arrived(self, now: float) -> None:
        """Note a request that is not a probe, at its receipt in monotonic seconds."""
        self._last_arrival = now

    def readiness(self) -> Answer:
        """Answer of `/readyz`."""
        if self.ready:
            return Answer(200, self._ready)
        return Answer(
            503, orjson.dumps({"status": self._state, "reason": self._reason}), headers=_RETRY_AFTER
        )

    async def drain(self, seconds: float, hurry: asyncio.Event) -> None:
        """Keep serving, every answer closing its connection, until callers have moved away.

        Args:
            seconds: Shortest drain; the longest is twice as long.
            hurry: Ends the drain at once.
        """
        self.draining = True
        started = self._clock()
        while not hurry.is_set():
            now = self._clock()
            if now - started >= seconds and now - self._last_arrival >= QUIET_SECONDS:
                return
            if now - started >= 2 * seconds:
                return
            await asyncio.sleep(_TICK_SECONDS)
