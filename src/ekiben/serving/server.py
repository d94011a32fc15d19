"""One process, one event loop: the `http` and `metrics` ports, and the order in which they come and go."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import time
from typing import TYPE_CHECKING, Any

from ekiben.errors import EkibenError
from ekiben.serving import artefact as artefacts
from ekiben.serving import assembly, loading, ports, spans, tls
from ekiben.serving.access import opening as access_control
from ekiben.serving.admission import Admission
from ekiben.serving.custom import Service
from ekiben.serving.http.connection import Protocol
from ekiben.serving.http.sweep import sweep
from ekiben.serving.instruments import Instruments, scrape
from ekiben.serving.journal import Journal
from ekiben.serving.life import Life
from ekiben.serving.seal.policy import Policy
from ekiben.serving.settings import Settings
from ekiben.serving.signals import Signals

if TYPE_CHECKING:
    from ekiben.serving.rpc.server import Server as RpcServer


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
    pod = _Pod(settings)
    with contextlib.ExitStack() as sockets:
        running = pod.listen(sockets)
        try:
            await pod.open(signals)
            crashed = await _first(*running, *pod.watched(), signals.stop)
            if not crashed:
                await pod.drain(signals)
        finally:
            await pod.close(running)
    return 1 if crashed else signals.status


class _Pod:
    """The rooms of one pod, from the first to the last."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._artefact = artefact = artefacts.read(
            settings.artefact, settings.predictor, Policy.read(os.environ)
        )
        self._life = Life(artefact, time.monotonic)
        self._service = Service(settings.bento)
        routes = self._service.routes
        instruments = Instruments(artefact, artefact.predictor, routes, settings.objective_seconds)
        exporter = spans.configured(os.environ, artefact.name, artefact.version)
        self._journal = Journal(
            settings.log_sample_ratio,
            instruments.log_dropped,
            exporter,
            per_second=settings.log_lines_per_second,
        )
        self._access = access_control.build(os.environ)
        instruments.next_key_expiry = self._access.next_key_expiry
        self._certificates = tls.certificates(settings)
        self._desk = assembly.desk(
            settings, artefact, self._life, instruments, self._journal, self._access, routes
        )
        self._admission = Admission(self._desk.gate, instruments, most_bytes=settings.most_body_bytes)
        self._servers: list[ports.Server] = []
        self._beside: list[asyncio.Task[None]] = []
        self._rpc: RpcServer | None = None

    def listen(self, sockets: contextlib.ExitStack) -> list[asyncio.Task[None]]:
        """Open the `http` and `metrics` ports: probes and scrapes are answered while the model loads."""
        settings, desk, certificates = self._settings, self._desk, self._certificates
        http = sockets.enter_context(ports.listening(settings.host, settings.http_port))
        scrapes = sockets.enter_context(ports.listening(settings.host, settings.metrics_port))
        main = ports.server(self._admission, settings, functools.partial(Protocol, desk=desk), certificates)
        exposition = functools.partial(scrape, desk.instruments)
        metrics = ports.server(exposition, settings, "httptools", certificates)
        self._servers = [main, metrics]
        self._beside.append(asyncio.create_task(sweep(main.server_state.connections, desk.instruments.fold)))
        if certificates is not None:
            self._beside.append(asyncio.create_task(certificates.watch()))
        self._access.start()
        return [asyncio.create_task(main.serve([http])), asyncio.create_task(metrics.serve([scrapes]))]

    async def open(self, signals: Signals) -> None:
        """Load the model, open the `grpc` port and become ready.

        Raises:
            EkibenError: Why not; `/readyz` says it too.
            StoppedEarlyError: A signal came first.
        """
        opening = asyncio.create_task(self._open())
        if not await _first(opening, signals.stop):
            raise StoppedEarlyError
        try:
            opening.result()
        except EkibenError as error:
            self._life.fail(str(error))
            raise

    async def _open(self) -> None:
        lane = await loading.load(self._settings, self._artefact, self._desk, self._service)
        if self._settings.grpc:
            rpc = await loading.rpc_server(self._settings, self._artefact, self._desk, lane)
            await rpc.start(self._settings.grpc_port, self._settings.host)
            self._rpc = rpc  # not before: what never listened cannot be stopped
        recheck = await loading.recheck(self._settings, self._artefact, self._desk, lane)
        self._admission.open(self._service.application)
        loading.open_up(self._desk, lane, self._artefact)
        if recheck is not None:
            self._beside.append(asyncio.create_task(recheck.run()))

    def watched(self) -> list[asyncio.Task[None]]:
        """What must not end while the pod serves, beside what `listen` gave."""
        return [] if self._rpc is None else [asyncio.create_task(self._rpc.ended())]

    async def drain(self, signals: Signals) -> None:
        """Go on serving until callers have moved away."""
        if self._rpc is not None:
            self._rpc.drain()
        await self._life.drain(0 if signals.interrupted else self._settings.drain_seconds, signals.hurry)

    async def close(self, running: list[asyncio.Task[None]]) -> None:
        """Finish what is on its way, then end."""
        for server in self._servers:
            server.should_exit = True
        if self._rpc is not None:
            await self._rpc.stop(self._settings.request_timeout_seconds)
        for task in running:
            await task
        for task in self._beside:
            task.cancel()
        await self._service.stop()
        self._access.close()
        if self._desk.lane is not None:
            self._desk.lane.close()
        if self._desk.explanations is not None:
            self._desk.explanations.close()
        self._journal.close()


async def _first(*contenders: asyncio.Task[Any] | asyncio.Event) -> bool:
    """Wait for a task to end (True) or an event to be set (False)."""
    waits = [asyncio.create_task(each.wait()) for each in contenders if isinstance(each, asyncio.Event)]
    tasks = [each for each in contenders if isinstance(each, asyncio.Task)]
    done, _ = await asyncio.wait([*tasks, *waits], return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    return not done.intersection(waits)
