"""Listening ports, each with a uvicorn server in this process's one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn

from ekiben.errors import ConfigError
from ekiben.serving.settings import Settings
from ekiben.serving.tls import Certificates

_LINGER_SECONDS = 0.25  # longer than a packet takes within a cluster
_BACKLOG = 2048  # connections that wait for the loop, e.g. while the model is being loaded


class Server(uvicorn.Server):
    """uvicorn that leaves signals to this process, and ends in two steps.

    It closes connections that are waiting for a request when it stops listening,
    also those whose request is just arriving; here these get a moment first.
    """

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, answer what is on its way, then close."""
        for server in self.servers:
            server.close()
        await asyncio.sleep(_LINGER_SECONDS)
        await super().shutdown(sockets)


def server(application: Any, settings: Settings, protocol: Any, certificates: Certificates | None) -> Server:
    """Build the server of one port.

    Args:
        application: ASGI 3.
        settings: The pod's.
        protocol: What uvicorn's `http=` takes.
        certificates: For TLS; None without.
    """
    config = uvicorn.Config(
        application,
        http=protocol,
        interface="asgi3",
        loop="none",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_keep_alive=settings.keep_alive_seconds,
        timeout_graceful_shutdown=int(settings.request_timeout_seconds) or 1,
    )
    if certificates is not None:
        config.load()
        config.ssl = certificates.context
    return Server(config)


def listening(host: str, port: int) -> socket.socket:
    """Listen on an address.

    Raises:
        ConfigError: It is taken, or not an address of this machine.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host} port {port}: {error}",
            remedy="choose other ports (EKIBEN_HTTP_PORT, EKIBEN_METRICS_PORT) or stop what holds them",
        ) from error
