"""The outermost application: count, bound, route; everything else lies behind it.

It never raises: whatever happens to a request, it is counted once at receipt
and once at its end, and it is answered if anybody is there to read.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any, Protocol

from ekiben.serving import receipt
from ekiben.serving.answer import Answer, failure, refusal
from ekiben.serving.connection import KEY
from ekiben.serving.counters import Visits
from ekiben.serving.ended import Ended
from ekiben.serving.instruments import LIVE, PREDICT, READY, UNMATCHED, Instruments
from ekiben.serving.journal import Journal
from ekiben.serving.life import Life
from ekiben.serving.metrics import CLIENT_GONE
from ekiben.serving.passage import CLOSE, Application, Send, through
from ekiben.serving.problem import RefusedError
from ekiben.serving.settings import Settings
from ekiben.serving.tracing import Trace, parse

Scope = Mapping[str, Any]
_LOG = logging.getLogger(__name__)
_ALIVE = Answer(200, b'{"status":"alive"}')
_PROBE_METHODS, _PREDICT_METHODS = ("GET", "HEAD"), ("POST",)
_PROBES = frozenset({LIVE, READY})
_RETRY_AFTER = ((b"retry-after", b"1"),)


class Lane(Protocol):
    """What answers predictions."""

    async def answer(self, body: bytes, request_id: str) -> Answer:
        """Answer the body of a request."""
        ...

    def close(self) -> None:
        """End."""
        ...


class Admission:
    """ASGI application of the `http` port.

    Args:
        settings: The pod's settings.
        life: Readiness and drain.
        instruments: Counters.
        journal: Access log and spans.
        custom: Routes that the BentoML service answers itself.
    """

    def __init__(
        self,
        settings: Settings,
        life: Life,
        instruments: Instruments,
        journal: Journal,
        custom: tuple[str, ...] = (),
    ) -> None:
        self._settings = settings
        self._life = life
        self._instruments = instruments
        self._journal = journal
        self._custom = frozenset(custom)
        self._routes = frozenset({PREDICT, LIVE, READY, *custom})
        self._lane: Lane | None = None
        self._service: Application | None = None

    def open(self, lane: Lane, service: Application | None = None) -> None:
        """Begin to answer predictions, and the service's own routes if it has any."""
        self._lane, self._service = lane, service

    def close(self) -> None:
        """Let the lane's thread go, once it is idle."""
        if self._lane is not None:
            self._lane.close()

    async def __call__(self, scope: Scope, receive: receipt.Receive, send: Send) -> None:
        """Handle one request (ASGI 3)."""
        started = time.perf_counter()
        route = scope["path"] if scope["path"] in self._routes else UNMATCHED
        visits = self._instruments.visits(route, scope["method"])
        visits.arrived()
        if route not in _PROBES:
            self._life.arrived()
        headers = dict(scope["headers"])
        request_id = receipt.request_id(headers)
        answer = Answer(500, b"")
        try:
            answer = await self._handle(route, scope, headers, request_id, receive, send)
        except receipt.GoneError:
            answer = Answer(CLIENT_GONE, b"")
        except Exception:  # noqa: BLE001 - admission never raises: one request must not end a connection silently
            _LOG.exception("a request to %s failed", route)
        finally:
            seconds = time.perf_counter() - started
            trace = parse(headers.get(b"traceparent"))
            visits.left(answer.status, seconds, trace and trace.trace_id)
            wanted = self._journal.wants(answer.status, trace)
            if wanted:
                ended = _ended(visits, answer, seconds, request_id, trace)
                self._journal.tell(ended, wanted)

    async def _handle(
        self,
        route: str,
        scope: Scope,
        headers: Mapping[bytes, bytes],
        request_id: str,
        receive: receipt.Receive,
        send: Send,
    ) -> Answer:
        """Answer a request; gives what was sent."""
        try:
            if route in self._custom and self._service is not None:
                status = await through(
                    self._service,
                    scope,
                    receive,
                    send,
                    closing=lambda: self._closing(scope),
                    most_bytes=self._settings.most_body_bytes,
                )
                return Answer(status, b"")
            answer = await self._answer(route, scope["method"], headers, receive, request_id)
        except RefusedError as error:
            answer = refusal(error, request_id, close=error.reason == "too_large")
        except receipt.SlowError:
            answer = failure(408, "the body did not arrive in time", request_id, close=True)
        except receipt.GoneError:
            raise
        except Exception:  # noqa: BLE001 - as above
            _LOG.exception("request %s to %s failed", request_id, route)
            answer = failure(500, "the server failed on this request", request_id)
        self._instruments.answered(answer)
        if answer.predict_seconds is not None:
            self._instruments.batch(1, answer.rows, answer.predict_seconds)
        await _send(send, answer, request_id, closing=answer.close or self._closing(scope))
        return answer

    async def _answer(
        self,
        route: str,
        method: str,
        headers: Mapping[bytes, bytes],
        receive: receipt.Receive,
        request_id: str,
    ) -> Answer:
        if route == UNMATCHED:
            return failure(404, "no such route", request_id)
        allowed = _PREDICT_METHODS if route == PREDICT else _PROBE_METHODS
        if route not in self._custom and method not in allowed:
            allow = ((b"allow", ", ".join(allowed).encode()),)
            return failure(405, f"expected {' or '.join(allowed)}", request_id, headers=allow)
        if route in _PROBES:
            return _ALIVE if route == LIVE else self._life.readiness()
        if self._lane is None or route in self._custom:
            return failure(503, "the model is not ready", request_id, headers=_RETRY_AFTER)
        return await self._predict(self._lane, headers, receive, request_id)

    async def _predict(
        self, lane: Lane, headers: Mapping[bytes, bytes], receive: receipt.Receive, request_id: str
    ) -> Answer:
        receipt.check_media_type(headers)
        content = await receipt.body(
            receive,
            headers,
            most_bytes=self._settings.most_body_bytes,
            seconds=self._settings.request_timeout_seconds,
        )
        self._instruments.received(len(content))
        return await lane.answer(content, request_id)

    def _closing(self, scope: Scope) -> bool:
        """Whether the answer ends its connection: the pod is going, or the connection is old."""
        if self._life.draining:
            return True
        connection = scope.get("state", {}).get(KEY)
        return connection is not None and connection.is_old(
            time.monotonic(),
            requests=self._settings.connection_requests,
            seconds=self._settings.connection_seconds,
        )


def _ended(visits: Visits, answer: Answer, seconds: float, request_id: str, trace: Trace | None) -> Ended:
    return Ended(
        time.time() - seconds,
        visits.route,
        visits.method,
        answer.status,
        seconds,
        request_id,
        trace,
        rows=answer.rows,
        response_bytes=len(answer.body),
        predict_seconds=answer.predict_seconds,
    )


async def _send(send: Send, answer: Answer, request_id: str, *, closing: bool) -> None:
    headers = [
        (b"content-type", answer.content_type),
        (b"content-length", str(len(answer.body)).encode()),
        (b"x-request-id", request_id.encode()),
        *answer.headers,
    ]
    if closing:
        headers.append(CLOSE)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
