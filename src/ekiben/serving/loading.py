"""From a verified artefact to a pod that answers; off the event loop, so that probes are answered."""

from __future__ import annotations

import asyncio
import gc
import importlib
import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from ekiben.serving.artefact import Artefact
from ekiben.serving.custom import Service
from ekiben.serving.http.desk import Desk
from ekiben.serving.manifest import LABELLED
from ekiben.serving.protocols.served import Served
from ekiben.serving.settings import Settings
from ekiben.serving.validation import Validator

if TYPE_CHECKING:
    from ekiben.serving.explanation.worker import Explanations
    from ekiben.serving.lane import Lane
    from ekiben.serving.predictor import Predictor
    from ekiben.serving.recheck import Recheck
    from ekiben.serving.rpc.server import Server as RpcServer

_HEADERS = {b"content-type": b"application/json"}
_LOG = logging.getLogger(__name__)
_GC_THRESHOLDS = (50_000, 20, 100)  # requests make little cyclic garbage, and a full collection costs a tail
_T = TypeVar("_T")


async def load(settings: Settings, artefact: Artefact, desk: Desk, service: Service) -> Lane:
    """Load the model, prove it on golden rows, and load the service's own routes.

    Raises:
        ConfigError: The estimator or the service cannot be loaded.
        AcceptanceError: A golden row gave a wrong answer.
    """
    lane = await _off_the_loop(lambda: _proven(settings, artefact, desk))
    if service.routes:
        await _off_the_loop(lambda: service.load(artefact))
        await service.start()
    return lane


async def rpc_server(settings: Settings, artefact: Artefact, desk: Desk, lane: Lane) -> RpcServer:
    """Build the server of the `grpc` port; its library is loaded here and not before.

    Raises:
        ConfigError: Its certificate is of no use.
    """
    module = await _off_the_loop(lambda: importlib.import_module("ekiben.serving.rpc.server"))
    validator = Validator(artefact.schema, settings.most_rows)
    made: RpcServer = module.Server(
        settings, Served.of(artefact), validator, desk.gate, lane, desk.life, desk.instruments
    )
    return made


async def recheck(settings: Settings, artefact: Artefact, desk: Desk, lane: Lane) -> Recheck | None:
    """Prepare the pod's own checks; nothing is loaded if there is nothing to check.

    Raises:
        ConfigError: The labelled rows are none, or not of this model.
    """
    if not settings.recheck_seconds or LABELLED not in artefact.files:
        return None

    def prepare() -> Recheck:
        from ekiben.serving.labelled import Labelled
        from ekiben.serving.recheck import Recheck

        labelled = Labelled.parse(artefact.content(LABELLED), artefact.schema)
        return Recheck(labelled, artefact, lane.aside, settings.recheck_seconds)

    found = await _off_the_loop(prepare)
    desk.instruments.sources.append(found.series)
    return found


def open_up(desk: Desk, lane: Lane, artefact: Artefact) -> None:
    """Become ready; on the event loop. What explains is loaded from then on, beside the first requests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    gc.enable()
    lane.open()
    desk.lane = lane
    desk.gate.watch(lane)
    desk.life.become_ready()
    if desk.explanations is not None:
        desk.explanations.open(artefact)
    _LOG.info("ready after %.2f s of CPU", time.process_time())


def _proven(settings: Settings, artefact: Artefact, desk: Desk) -> Lane:
    """Build the lane and send golden rows through it."""
    from ekiben.serving import golden, predictors
    from ekiben.serving.lane import Lane

    predictor = predictors.load(artefact)
    lane = Lane(
        predictor,
        inline_rows=settings.inline_rows,
        most_bytes=settings.most_body_bytes,
        instruments=desk.instruments,
        workers=settings.workers,
    )
    names = [each.name for each in artefact.schema.inputs]
    golden.prove(
        artefact.golden,
        names,
        lambda body, request_id: lane.answer_now(desk.predict, body, _HEADERS, request_id),
        settings.most_rows,
    )
    if desk.explaining:
        desk.explanations = _explanations(settings, predictor, desk)
    return lane


def _explanations(settings: Settings, predictor: Predictor, desk: Desk) -> Explanations:
    from ekiben.serving.explanation.worker import Explanations, Limits

    limits = Limits(settings.most_explaining, settings.explain_seconds, settings.most_body_bytes)
    return Explanations(predictor, limits, desk.instruments)


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
