"""One process, one event loop: the `http` and `metrics` ports, and the order in which they come and go."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import time
from collections.abc import Iterator
from typing import Any

import uvicorn

from ekiben.errors import ConfigError, EkibenError
from ekiben.serving import artefact as artefacts
from ekiben.serving import loading
from ekiben.serving.admission import Admission
from ekiben.serving.connection import Protocol
from ekiben.serving.custom import Service
from ekiben.serving.instruments import Instruments, scrape
from ekiben.serving.life import Life
from ekiben.serving.settings import Settings
from ekiben.serving.signals import Signals

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


class StoppedEarlyError(Exception):
    """The pod was told to stop while it was loading its model."""


async def serve(settings: Settings) -> int:
    """Run a pod until it is told to stop.

    Returns:
        Exit status: 0 after a drain, 130 after an interrupt, 1 if a server ended by itself.

    Raises:
        ConfigError: The artefact does not verify, or a port is taken.
        AcceptanceError: A golden row gave a wrong answer.
        StoppedEarlyError: A signal came before the pod was ready; a thread may still be loading.
    """
    signals = Signals(asyncio.get_running_loop())
    artefact = artefacts.read(settings.artefact, settings.predictor)
    life = Life(artefact, time.monotonic)
    service = Service(settings.bento)
    instruments = Instruments(artefact, artefact.predictor, service.routes)
    admission = Admission(settings, life, instruments, service.routes)
    with contextlib.ExitStack() as sockets:
        http = sockets.enter_context(_listening(settings.host, settings.http_port))
        scrapes = sockets.enter_context(_listening(settings.host, settings.metrics_port))
        main = _server(admission, settings, Protocol)
        metrics = _server(functools.partial(scrape, instruments), settings, "httptools")
        running = [asyncio.create_task(main.serve([http])), asyncio.create_task(metrics.serve([scrapes]))]
        opening = asyncio.create_task(loading.open_up(settings, artefact, life, admission, service))
        try:
            await _opened(opening, life, signals)
            crashed = await _first(*running, signals.stop)
            if not crashed:
                await life.drain(0 if signals.interrupted else settings.drain_seconds, signals.hurry)
        finally:
            for server, task in zip((main, metrics), running, strict=True):
                server.should_exit = True
                await task
            await service.stop()
            admission.close()
    return 1 if crashed else signals.status


async def _opened(opening: asyncio.Task[None], life: Life, signals: Signals) -> None:
    """Wait until the pod is ready."""
    if not await _first(opening, signals.stop):
        raise StoppedEarlyError
    try:
        opening.result()
    except EkibenError as error:
        life.fail(str(error))
        raise


async def _first(*contenders: asyncio.Task[Any] | asyncio.Event) -> bool:
    """Wait for a task to end (True) or an event to be set (False)."""
    waits = [asyncio.create_task(each.wait()) for each in contenders if isinstance(each, asyncio.Event)]
    tasks = [each for each in contenders if isinstance(each, asyncio.Task)]
    done, _ = await asyncio.wait([*tasks, *waits], return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    return not done.intersection(waits)


def _server(application: Any, settings: Settings, protocol: Any) -> Server:
    return Server(
        uvicorn.Config(
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
    )


def _listening(host: str, port: int) -> socket.socket:
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
