"""The metrics' APIs with faults: what never answers, cuts connections, or is gone for a while."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web
from tests.oracles.closed_loop import metrics_server
from tests.oracles.closed_loop.api import Api
from tests.oracles.closed_loop.place import Place
from tests.oracles.metric_faults import adapter
from tests.oracles.metric_faults.autoscalers import Subject
from tests.oracles.metric_faults.control import REQUEST_SECONDS
from tests.oracles.metric_faults.faults import Life

from ekiben.ground import certificates


@dataclass(frozen=True, slots=True)
class Lane:
    """An HPA under faults.

    Attributes:
        name: Of its namespace.
        subject: The HPA.
        life: Its load and faults.
        place: Its pods.
    """

    name: str
    subject: Subject
    life: Life
    place: Place


class Server:
    """Answers for all lanes; it may stop, and start again on its port.

    Args:
        lanes: By namespace.
        log: Takes a line for each answer.
    """

    def __init__(self, lanes: Mapping[str, Lane], log: Path) -> None:
        self._lanes = lanes
        self._log = log
        self._port = 0
        self._tls: ssl.SSLContext | None = None
        self._runner: web.AppRunner | None = None

    @asynccontextmanager
    async def serving(self, api: Api, folder: Path) -> AsyncIterator[None]:
        """Serve until the block ends; the API server knows of it when it begins.

        Args:
            api: To register with.
            folder: For a key and a certificate.

        Raises:
            RuntimeError: The API server did not reach it.
        """
        now = datetime.now(UTC)
        authority = certificates.authority("metrics-ca", now)
        self._tls = metrics_server._tls(authority, now, folder)
        await self.start()
        try:
            await metrics_server._register(api, self._port, authority.certificate_pem)
            yield
        finally:
            await self.stop()

    async def start(self) -> None:
        """Listen."""
        application = web.Application()
        application.router.add_get("/apis/{group}/{version}", metrics_server._discovery)
        application.router.add_get("/apis/{group}/{version}/namespaces/{namespace}/{path:.+}", self._metrics)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, ssl_context=self._tls).start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """End every connection, and refuse new ones."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    async def _metrics(self, request: web.Request) -> web.Response:
        lane = self._lanes[request.match_info["namespace"]]
        place = lane.place
        place.last_read = time.monotonic()
        found = adapter.reply(place.moment(), lane.life, lane.subject, request.match_info["group"])
        if found.end == "cut":
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        if found.end == "hang":
            await asyncio.sleep(REQUEST_SECONDS + 1)
            return web.Response(status=500)
        await asyncio.sleep(found.delay_seconds)
        line = {"audit": request.headers["Audit-ID"], "status": found.status, "body": found.body}
        with self._log.open("a", encoding="utf-8") as log:
            log.write(json.dumps(line, separators=(",", ":")) + "\n")
        return web.json_response(found.body, status=found.status)
