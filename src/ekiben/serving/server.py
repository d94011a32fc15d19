"""One process, one event loop: the `http` and `metrics` ports, and the order in which they come and go."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import time
from typing import Any

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
from ekiben.serving.settings import Settings
from ekiben.serving.signals import Signals


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
    instruments = Instruments(artefact, artefact.predictor, service.routes, settings.objective_seconds)
    exporter = spans.configured(os.environ, artefact.name, artefact.version)
    journal = Journal(settings.log_sample_ratio, instruments.log_dropped, exporter)
    access = access_control.build(os.environ)
    access.start()
    certificates = tls.certificates(settings)
    desk = assembly.desk(settings, artefact, life, instruments, journal, access, service.routes)
    admission = Admission(desk.gate, instruments, most_bytes=settings.most_body_bytes)
    with contextlib.ExitStack() as sockets:
        http = sockets.enter_context(ports.listening(settings.host, settings.http_port))
        scrapes = sockets.enter_context(ports.listening(settings.host, settings.metrics_port))
        main = ports.server(admission, settings, functools.partial(Protocol, desk=desk), certificates)
        metrics = ports.server(functools.partial(scrape, instruments), settings, "httptools", certificates)
        beside = [asyncio.create_task(sweep(main.server_state.connections))]
        if certificates is not None:
            beside.append(asyncio.create_task(certificates.watch()))
        running = [asyncio.create_task(main.serve([http])), asyncio.create_task(metrics.serve([scrapes]))]
        opening = asyncio.create_task(loading.open_up(settings, artefact, desk, admission, service))
        try:
            await _opened(opening, life, signals)
            crashed = await _first(*running, signals.stop)
            if not crashed:
                await life.drain(0 if signals.interrupted else settings.drain_seconds, signals.hurry)
        finally:
            for server, task in zip((main, metrics), running, strict=True):
                server.should_exit = True
                await task
            for task in beside:
                task.cancel()
            access.close()
            await service.stop()
            if desk.lane is not None:
                desk.lane.close()
            journal.close()
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
