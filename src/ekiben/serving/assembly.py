"""The rooms of one pod, put together."""

from __future__ import annotations

from ekiben.serving.answer import Answer
from ekiben.serving.artefact import Artefact
from ekiben.serving.caller import Access
from ekiben.serving.gate import Gate, Limits
from ekiben.serving.http.desk import Bounds, Desk
from ekiben.serving.instruments import Instruments
from ekiben.serving.journal import Journal
from ekiben.serving.life import Life
from ekiben.serving.protocols.predict import Predict
from ekiben.serving.protocols.routes import endpoints
from ekiben.serving.protocols.served import Served
from ekiben.serving.rate import Rate
from ekiben.serving.settings import Settings
from ekiben.serving.validation import Validator
from ekiben.version import VERSION

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
    validator = Validator(artefact.schema, settings.most_rows)
    routes = endpoints(
        Served.of(artefact, explain=settings.explain),
        validator,
        version=VERSION,
        live=lambda _: _ALIVE,
        ready=lambda _: life.readiness(),
        most_explained_rows=settings.most_explained_rows,
    )
    model = {"name": artefact.name, "version": artefact.version}
    return Desk(
        gate=Gate(access, limits, instruments, journal, life),
        routes=routes.without(passed),
        passed=frozenset(passed),
        life=life,
        instruments=instruments,
        bounds=bounds,
        predict=Predict(validator, model),
    )
