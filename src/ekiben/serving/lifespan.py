"""ASGI's lifespan protocol, from the server's side.

Source: https://asgi.readthedocs.io/en/latest/specs/lifespan.html
"""

from __future__ import annotations

import asyncio
from typing import Any

from ekiben.errors import ConfigError


class Lifespan:
    """Start-up and shutdown hooks of one ASGI application."""

    def __init__(self) -> None:
        self._task: asyncio.Future[None] | None = None
        self._events: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self._replies: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def start(self, application: Any) -> None:
        """Run the start-up hooks.

        Raises:
            ConfigError: One of them failed.
        """
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        task = asyncio.ensure_future(application(scope, self._events.get, self._replies.put))
        await self._say("startup", task)
        self._task = task

    async def stop(self) -> None:
        """Run the shutdown hooks, if the application was started.

        Raises:
            ConfigError: One of them failed.
        """
        if self._task is not None and not self._task.done():
            await self._say("shutdown", self._task)
            await self._task

    async def _say(self, phase: str, task: asyncio.Future[None]) -> None:
        await self._events.put({"type": f"lifespan.{phase}"})
        reply = asyncio.ensure_future(self._replies.get())
        either: set[asyncio.Future[Any]] = {reply, task}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not reply.done():
            reply.cancel()
            raise ConfigError(f"the BentoML service ended during its {phase}: {task.exception()!r}")
        if reply.result()["type"] != f"lifespan.{phase}.complete":
            last = str(reply.result().get("message", "")).strip()[-500:]
            raise ConfigError(f"the BentoML service failed at {phase}: {last}")
