"""The rooms of one pod, put together."""

from __future__ import annotations

from ekiben.serving.answer import Answer
from ekiben.serving.artefact import Artefact
from ekiben.serving.caller import Access
from ekiben.serving.exchange import Endpoint, Routes
from ekiben.serving.gate import Gate, Limits
from ekiben.serving.http.desk import Bounds, Desk
from ekiben.serving.instruments import LIVE, PREDICT, READY, Instruments
from ekiben.serving.journal import Journal
from ekiben.serving.life import Life
from ekiben.serving.protocols.predict import Predict
from ekiben.serving.rate import Rate
from ekiben.serving.settings import Settings
from ekiben.serving.validation import Validator

_ALIVE = Answer(200, b'{"status":"alive"}')


def desk(
    settings: Settings,
    artefact: Artefact,
    life: Life,
    instruments: Instruments,
    journal: Journal,
    access: Access,
    passed: tuple[str, ...],
) -> Desk:
    """Build what the connections of the `http` port share.

    Args:
        settings: The pod's.
        artefact: What it serves.
        life: Readiness and drain.
        instruments: Counters.
        journal: Access log and spans.
        access: Knows callers.
        passed: Paths that the BentoML service answers itself.
    """
    rate = Rate(settings.rate_per_caller, settings.burst_per_caller) if settings.rate_per_caller else None
    limits = Limits(settings.most_in_progress, settings.request_timeout_seconds, rate)
    bounds = Bounds(
        body_bytes=settings.most_body_bytes,
        header_seconds=settings.header_seconds,
        body_seconds=settings.request_timeout_seconds,
        idle_seconds=settings.keep_alive_seconds,
        connections=settings.most_connections,
        age_requests=settings.connection_requests,
        age_seconds=settings.connection_seconds,
    )
    predict = Predict(
        Validator(artefact.schema, settings.most_rows), {"name": artefact.name, "version": artefact.version}
    )
    return Desk(
        gate=Gate(access, limits, instruments, journal, life),
        routes=_routes(predict, life, passed),
        passed=frozenset(passed),
        life=life,
        instruments=instruments,
        bounds=bounds,
        predict=predict,
    )


def _routes(predict: Predict, life: Life, passed: tuple[str, ...]) -> Routes:
    """Endpoints of this model; a path that the service was given stays its own."""
    endpoints = (
        Endpoint(PREDICT, PREDICT, ("POST",), "predict", dialect=predict),
        Endpoint(LIVE, LIVE, ("GET", "HEAD"), "probe", reply=lambda _: _ALIVE),
        Endpoint(READY, READY, ("GET", "HEAD"), "probe", reply=lambda _: life.readiness()),
    )
    return Routes(each for each in endpoints if each.path not in passed)
