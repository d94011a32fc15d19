"""The BentoML service's own routes: its application, mounted for exactly those.

`ekiben-routes.json` in the bento lists them; it was written when the bento was
built. Where there are none
BentoML is never imported, which saves its start-up time.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from ekiben.errors import ConfigError

ROUTES = "ekiben-routes.json"
_TAKEN = frozenset({"/predict", "/livez", "/readyz"})


class Service:
    """A BentoML service behind admission.

    Args:
        bento: Folder of the bento; None if there is none.

    Attributes:
        routes: Paths that it answers.
        application: Its ASGI application, once loaded.

    Raises:
        ConfigError: The list of routes is wrong.
    """

    def __init__(self, bento: Path | None) -> None:
        self._bento = bento
        self.routes = _routes(bento)
        self.application: Any = None
        self._lifespan = _Lifespan()

    def load(self) -> None:
        """Import the service and build its application (takes seconds).

        Raises:
            ConfigError: It cannot be imported.
        """
        os.environ["BENTOML_DO_NOT_TRACK"] = "True"
        # BentoML writes into its home while it is imported; the root file system is read-only.
        os.environ.setdefault("BENTOML_HOME", str(Path(tempfile.gettempdir()) / "bentoml"))
        try:
            import bentoml

            service: Any = bentoml.load(str(self._bento))
            self.application = service.to_asgi()
        except (Exception, SystemExit) as error:  # user code runs at import
            raise ConfigError(f"{self._bento}: the BentoML service cannot be loaded: {error}") from error

    async def start(self) -> None:
        """Run its start-up hooks.

        Raises:
            ConfigError: One of them failed.
        """
        await self._lifespan.start(self.application)

    async def stop(self) -> None:
        """Run its shutdown hooks, if it was started."""
        await self._lifespan.stop()


def _routes(bento: Path | None) -> tuple[str, ...]:
    path = None if bento is None else bento / ROUTES
    if path is None or not path.exists():
        return ()
    try:
        found = json.loads(path.read_bytes())["custom"]
        routes = tuple(str(route) for route in found)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f'{path}: expected {{"custom": ["/route", ...]}}: {error}') from error
    wrong = [route for route in routes if not route.startswith("/") or route in _TAKEN]
    if wrong:
        raise ConfigError(
            f"{path}: routes that the pod answers itself, or without a slash: {', '.join(wrong)}"
        )
    return routes


class _Lifespan:
    """ASGI's lifespan protocol, from the server's side.

    Source: https://asgi.readthedocs.io/en/latest/specs/lifespan.html
    """

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._events: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        self._replies: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def start(self, application: Any) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        self._task = asyncio.ensure_future(application(scope, self._events.get, self._replies.put))
        await self._say("startup")

    async def stop(self) -> None:
        if self._task is not None and not self._task.done():
            await self._say("shutdown")
            await self._task

    async def _say(self, phase: str) -> None:
        assert self._task is not None  # noqa: S101 - start() set it
        await self._events.put({"type": f"lifespan.{phase}"})
        reply = asyncio.ensure_future(self._replies.get())
        await asyncio.wait({reply, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if not reply.done():
            reply.cancel()
            raise ConfigError(f"the BentoML service ended during its {phase}: {self._task.exception()}")
        if reply.result()["type"] != f"lifespan.{phase}.complete":
            raise ConfigError(
                f"the BentoML service failed at {phase}: {reply.result().get('message', '')[-500:]}"
            )
