"""The BentoML service's own routes, admitted like all others (the gate's ASGI adapter).

It never raises: whatever happens to a request, it is counted once at receipt
and once at its end, and it is answered if anybody is there to read.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from ekiben.serving.answer import Answer, refusal
from ekiben.serving.gate import Gate
from ekiben.serving.http.order import KEY
from ekiben.serving.instruments import Instruments
from ekiben.serving.metrics import CLIENT_GONE
from ekiben.serving.passage import CLOSE, Application, GoneError, Receive, Send, through
from ekiben.serving.problem import RefusedError

Scope = Mapping[str, Any]
_LOG = logging.getLogger(__name__)


class Admission:
    """ASGI application of the `http` port, for what the lane does not answer.

    Args:
        gate: Decides.
        instruments: Counters.
        most_bytes: Longest body that the service gets to see.
    """

    def __init__(self, gate: Gate, instruments: Instruments, *, most_bytes: int) -> None:
        self._gate = gate
        self._instruments = instruments
        self._most_bytes = most_bytes
        self._service: Application | None = None

    def open(self, service: Application | None) -> None:
        """Begin to answer with the service."""
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request (ASGI 3)."""
        visit = self._gate.arrive(scope["path"], scope["method"])  # the connection passes on known paths only
        headers = dict(scope["headers"])
        request_id = scope["state"][KEY].desk.request_id(headers.get(b"x-request-id"))
        status = 500
        try:
            visit.admit("predict", headers, (scope["client"] or ("",))[0])
            status = await self._through(scope, receive, send)
        except GoneError:
            status = CLIENT_GONE
        except RefusedError as error:
            status = await self._refuse(error, scope, send, request_id)
        except Exception:  # noqa: BLE001 - admission never raises: one request must not end a connection silently
            _LOG.exception("request %s to %s failed", request_id, scope["path"])
            failed = RefusedError(500, "failed", "the server failed on this request")
            status = await self._refuse(failed, scope, send, request_id)
        finally:
            visit.end(status, request_id)

    async def _refuse(self, error: RefusedError, scope: Scope, send: Send, request_id: str) -> int:
        self._instruments.refused(error.reason, error.rows)
        answer = refusal(error, request_id)
        await _send(send, answer, request_id, closing=scope["state"][KEY].going())
        return answer.status

    async def _through(self, scope: Scope, receive: Receive, send: Send) -> int:
        if self._service is None:
            raise RefusedError(503, "not_ready", "the model is not ready", headers=((b"retry-after", b"1"),))
        closing = scope["state"][KEY].going
        return await through(
            self._service, scope, receive, send, closing=closing, most_bytes=self._most_bytes
        )


async def _send(send: Send, answer: Answer, request_id: str, *, closing: bool) -> None:
    headers = [
        (b"content-type", answer.content_type),
        (b"content-length", str(len(answer.body)).encode()),
        (b"x-request-id", request_id.encode()),
        *answer.headers,
    ]
    if closing or answer.status == 413:  # noqa: PLR2004 - the rest of its body is unread
        headers.append(CLOSE)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
