"""The metrics' APIs on loopback, behind the API server's aggregation; answers are kept with audit IDs."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web
from tests.oracles.closed_loop import answers
from tests.oracles.closed_loop.api import Api
from tests.oracles.closed_loop.place import Place
from tests.oracles.closed_loop.trace import Json

from ekiben.ground import certificates

SYSTEM = "metrics"  # namespace of the Service that stands for this server
_SERVER_NAME = f"metrics.{SYSTEM}.svc"
_AVAILABLE_SECONDS = 60
_SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"


class MetricsServer:
    """Answers from what runs in the places.

    Args:
        places: By namespace.
        log: Takes a line for each answer.
    """

    def __init__(self, places: Mapping[str, Place], log: Path) -> None:
        self._places = places
        self._log = log

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
        runner = web.AppRunner(self._application(), access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=_tls(authority, now, folder))
        await site.start()
        try:
            await _register(api, runner.addresses[0][1], authority.certificate_pem)
            yield
        finally:
            await runner.cleanup()

    def _application(self) -> web.Application:
        made = web.Application()
        made.router.add_get("/apis/{group}/{version}", _discovery)
        made.router.add_get("/apis/{group}/{version}/namespaces/{namespace}/{path:.+}", self._metrics)
        return made

    async def _metrics(self, request: web.Request) -> web.Response:
        group, namespace, path = (request.match_info[name] for name in ("group", "namespace", "path"))
        place = self._places[namespace]
        status, body = answers.answer(place.moment(), group, path)
        line = {"audit": request.headers["Audit-ID"], "status": status, "body": body}
        with self._log.open("a", encoding="utf-8") as log:
            log.write(json.dumps(line, separators=(",", ":")) + "\n")
        place.last_read = time.monotonic()
        return web.json_response(body, status=status)


def _tls(authority: certificates.Pair, now: datetime, folder: Path) -> ssl.SSLContext:
    pair = certificates.issue(authority, "metrics", now, names=[_SERVER_NAME])
    for name, content in (("crt", pair.certificate_pem), ("key", pair.key_pem)):
        path = folder / f"metrics.{name}"
        path.touch(mode=0o600)
        path.write_bytes(content)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(folder / "metrics.crt", folder / "metrics.key")
    return tls


async def _discovery(request: web.Request) -> web.Response:
    version = f"{request.match_info['group']}/{request.match_info['version']}"
    return web.json_response(
        {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": []}
    )


async def _register(api: Api, port: int, authority: bytes) -> None:
    """A Service that is a name for loopback, and an APIService for each group."""
    await api.create("/api/v1/namespaces", {"metadata": {"name": SYSTEM}})
    name = {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]}
    await api.create(f"/api/v1/namespaces/{SYSTEM}/services", {"metadata": {"name": "metrics"}, "spec": name})
    for group, version in answers.VERSIONS.items():
        spec = {
            "group": group,
            "version": version,
            "service": {"namespace": SYSTEM, "name": "metrics", "port": port},
            "caBundle": base64.b64encode(authority).decode(),
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
        }
        await api.create(_SERVICES, {"metadata": {"name": f"{version}.{group}"}, "spec": spec})
    until = time.monotonic() + _AVAILABLE_SECONDS
    for group, version in answers.VERSIONS.items():
        while not _is_available(await api.get(f"{_SERVICES}/{version}.{group}")):
            if time.monotonic() > until:
                raise RuntimeError(f"expected {group} to be available within {_AVAILABLE_SECONDS} s")
            await asyncio.sleep(0.5)


def _is_available(service: Json) -> bool:
    conditions = service.get("status", {}).get("conditions", [])
    return any(each["type"] == "Available" and each["status"] == "True" for each in conditions)
