"""One request after its end, as the access log and spans tell of it."""

from __future__ import annotations

from dataclasses import dataclass

from ekiben.serving.tracing import Trace


@dataclass(slots=True)
class Ended:
    """One request after its end; nothing in it is input, and nothing is a secret.

    Attributes:
        time: Of its receipt, Unix seconds.
        route: Template, from its `Visits`.
        method: From its `Visits`.
        status: HTTP status, or `metrics.CLIENT_GONE`.
        seconds: From its receipt to the end of its answer.
        request_id: As answered.
        trace: Of its `traceparent`.
        caller: Name of the caller.
        rows: Rows predicted.
        request_bytes: Of its body.
        response_bytes: Of its answer's body.
        asked_seconds: From its receipt until its rows waited for the predictor.
        queue_seconds: How long they waited; None if they never did.
        predict_seconds: Time of the predictor's call; None if there was none.
    """

    time: float
    route: str
    method: str
    status: int
    seconds: float
    request_id: str
    trace: Trace | None = None
    caller: str = ""
    rows: int = 0
    request_bytes: int = 0
    response_bytes: int = 0
    asked_seconds: float = 0.0
    queue_seconds: float | None = None
    predict_seconds: float | None = None
