"""The API server, for the loop that also serves metrics.

`ekiben.clients.cluster` is no use here: it neither watches nor shares a loop.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

import aiohttp
from tests.oracles.closed_loop.plane import Plane
from tests.oracles.closed_loop.trace import Json

_REFUSED, _GONE = 400, 404
_LINE_BYTES = 2**22  # of a watch: far above a pod's size


class Api:
    """An administrator's session.

    Args:
        server: URL of the API server.
        session: Trusts it.
    """

    def __init__(self, server: str, session: aiohttp.ClientSession) -> None:
        self._server = server
        self._session = session

    @classmethod
    @asynccontextmanager
    async def open(cls, plane: Plane) -> AsyncIterator[Self]:
        """A session with a control plane."""
        connector = aiohttp.TCPConnector(ssl=plane.tls, limit=0)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            yield cls(plane.server, session)

    async def get(self, path: str) -> Json:
        """Read an object."""
        return await self._call("GET", path)

    async def create(self, path: str, body: Json) -> None:
        """Create an object, or act on one (a binding)."""
        await self._call("POST", path, body)

    async def merge(self, path: str, patch: Json) -> None:
        """Merge a patch into an object."""
        await self._call("PATCH", path, patch, "application/merge-patch+json")

    async def delete(self, path: str, options: Json | None = None) -> None:
        """Delete an object."""
        await self._call("DELETE", path, options)

    async def watch(self, path: str) -> AsyncIterator[Json]:
        """Events of a collection from its present on, for ever."""
        url = f"{self._server}{path}?watch=1"
        async with self._session.get(url, read_bufsize=_LINE_BYTES) as found:
            async for line in found.content:
                yield json.loads(line)
        raise RuntimeError(f"expected the watch of {path} to last, found its end")

    async def _call(
        self, method: str, path: str, body: Json | None = None, kind: str = "application/json"
    ) -> Json:
        """What is gone meanwhile is no error: pods end on their own.

        Raises:
            RuntimeError: The API server refused it for another reason.
        """
        url, data = self._server + path, None if body is None else json.dumps(body)
        async with self._session.request(method, url, data=data, headers={"Content-Type": kind}) as found:
            text = await found.text()
        if found.status >= _REFUSED and found.status != _GONE:
            raise RuntimeError(f"expected {method} {path} to succeed, found {found.status}: {text[:500]}")
        made: Json = json.loads(text)
        return made
