"""From a verified artefact to a pod that answers; off the event loop, so that probes are answered."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from ekiben.serving.admission import Admission
from ekiben.serving.artefact import Artefact
from ekiben.serving.custom import Service
from ekiben.serving.http.desk import Desk
from ekiben.serving.settings import Settings

if TYPE_CHECKING:
    from ekiben.serving.lane import Lane

_HEADERS = {b"content-type": b"application/json"}
_LOG = logging.getLogger(__name__)
_GC_THRESHOLDS = (50_000, 20, 100)  # requests make little cyclic garbage, and a full collection costs a tail
_T = TypeVar("_T")


async def open_up(
    settings: Settings, artefact: Artefact, desk: Desk, admission: Admission, service: Service
) -> None:
    """Load the model, prove it on golden rows, load the service's own routes, and become ready.

    Raises:
        ConfigError: The estimator or the service cannot be loaded.
        AcceptanceError: A golden row gave a wrong answer.
    """
    started = time.perf_counter()
    lane = await _off_the_loop(lambda: _proven(settings, artefact, desk))
    if service.routes:
        await _off_the_loop(lambda: service.load(artefact))
        await service.start()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    lane.open()
    desk.lane = lane
    desk.gate.watch(lane)
    admission.open(service.application)
    desk.life.become_ready()
    _LOG.info(
        "ready: %s:%s by %s on port %d, loaded in %.2f s (%.2f s of CPU since the start)",
        artefact.name,
        artefact.version,
        artefact.predictor,
        settings.http_port,
        time.perf_counter() - started,
        time.process_time(),
    )


def _proven(settings: Settings, artefact: Artefact, desk: Desk) -> Lane:
    """Build the lane and send golden rows through it."""
    from ekiben.serving import golden, predictors
    from ekiben.serving.lane import Lane

    lane = Lane(
        predictors.load(artefact),
        inline_rows=settings.inline_rows,
        most_bytes=settings.most_body_bytes,
        instruments=desk.instruments,
    )
    names = [each.name for each in artefact.schema.inputs]
    golden.prove(
        artefact.golden,
        names,
        lambda body, request_id: lane.answer_now(desk.predict, body, _HEADERS, request_id),
        settings.most_rows,
    )
    return lane


async def _off_the_loop(function: Callable[[], _T]) -> _T:
    """Run on a daemon thread: a pod that is stopped while it loads need not wait for it."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_T] = loop.create_future()

    def settle(result: _T | None, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error is None:
            future.set_result(result)  # type: ignore[arg-type]
        else:
            future.set_exception(error)

    def run() -> None:
        try:
            result = function()
        except BaseException as error:  # noqa: BLE001 - handed on to the waiting task
            loop.call_soon_threadsafe(settle, None, error)
        else:
            loop.call_soon_threadsafe(settle, result, None)

    threading.Thread(target=run, name="loading", daemon=True).start()
    return await future
