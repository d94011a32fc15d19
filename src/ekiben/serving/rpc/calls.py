"""From a call on the wire to an answer: count, authenticate, bound, read, answer, count again.

Handlers are registered as if requests were streams. On the wire that is the same, but a handler then begins
with a call's metadata: a call is counted and its caller known before a byte of its message is taken, and a
message that is slow, too long or never comes is counted as what it is.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import grpc
import grpc.aio

from ekiben.serving.answer import Answer
from ekiben.serving.exchange import Dialect, Group, Headers
from ekiben.serving.problem import RefusedError
from ekiben.serving.rpc import infer, status
from ekiben.serving.rpc.contract import Gate, Instruments, Lane, Ticket, Visit
from ekiben.serving.rpc.transport import UNMATCHED

POST = "POST"
_LOG = logging.getLogger(__name__)
_ID = re.compile(rb"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
_GONE_SECONDS = 0.05  # core says within it that a call ended, after its message did not come
_clock = time.monotonic


@dataclass(frozen=True, slots=True)
class Method:
    """One method of a service.

    Attributes:
        template: Its path; what metrics call it.
        group: Which leave a caller needs.
        dialect: For predictions; None for what is answered from memory.
        reply: For all else: gives the answer's message to the request's, or raises `RefusedError`.
    """

    template: str
    group: Group
    dialect: Dialect | None = None
    reply: Callable[[bytes], bytes] | None = None


@dataclass(slots=True)
class _Call:
    visit: Visit
    headers: Headers
    request_id: str
    body: bytes | None = None
    ticket: Ticket | None = None


class Calls:
    """Handles the calls of one server.

    Args:
        gate: Counts and admits.
        lane: Answers predictions.
        instruments: Counters.
        message_bytes: Longest request.

    Attributes:
        gate: As given.
        cut: Whether calls that are cancelled from now on are cancelled by this pod.
    """

    def __init__(self, gate: Gate, lane: Lane, instruments: Instruments, message_bytes: int) -> None:
        self.gate = gate
        self._lane = lane
        self._instruments = instruments
        self._message_bytes = message_bytes
        self.cut = False

    def handler(self, method: Method) -> grpc.RpcMethodHandler:
        """Make the handler of a method with one answer."""
        self._instruments.visits(method.template, POST)

        async def handle(_: Any, context: Any) -> bytes:
            return await self._handle(method, context)

        return grpc.stream_unary_rpc_method_handler(handle)

    def unmatched(self) -> grpc.RpcMethodHandler:
        """Make the handler of all methods that do not exist."""

        async def handle(_: Any, context: Any) -> bytes:
            self.gate.arrive(UNMATCHED, POST).end(501)
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, "no such method")
            raise AssertionError  # abort raises

        return grpc.stream_unary_rpc_method_handler(handle)

    async def _handle(self, method: Method, context: Any) -> bytes:
        headers = _headers(context)
        call = _Call(self.gate.arrive(method.template, POST), headers, _request_id(headers))
        ended, sent = 500, 0
        try:
            answer = await self._answer(method, call, context)
            ended, sent = answer.status, len(answer.body)
        except asyncio.CancelledError:
            ended = self._cancelled(context)
            raise
        finally:
            size = 0 if call.body is None else len(call.body)
            call.visit.end(ended, call.request_id, size, sent, call.ticket)
        if ended == status.OK:
            return answer.body
        trailers = status.trailers(answer.headers, call.request_id)
        await context.abort(status.code(ended), status.detail(answer.body), trailers)
        raise AssertionError  # abort raises

    async def _answer(self, method: Method, call: _Call, context: Any) -> Answer:
        """Answer a call, whatever happens but its cancellation."""
        visit = call.visit
        try:
            remaining = context.time_remaining()
            if remaining is not None:
                visit.deadline = min(visit.deadline, _clock() + remaining)
            visit.admit(method.group, call.headers, address(context.peer()))
            async with asyncio.timeout(visit.deadline - _clock()):
                call.body = body = await self.message(context)
                if method.dialect is not None:
                    return await self._predicted(method.dialect, call, body)
            assert method.reply is not None  # noqa: S101 - one of both
            return Answer(status.OK, method.reply(body))
        except RefusedError as error:
            return self._refused(error, call)
        except TimeoutError:
            slow = RefusedError(408, "slow", "the message did not arrive in time")
            late = RefusedError(504, "late", "the answer was not there in time")
            return self._refused(slow if call.body is None else late, call)
        except Exception:  # noqa: BLE001 - whatever happens to a call, its caller gets an answer
            _LOG.exception("request %s to %s failed", call.request_id, method.template)
            return self._refused(RefusedError(500, "failed", "the server failed on this request"), call)

    def _refused(self, error: RefusedError, call: _Call) -> Answer:
        """Write and count a refusal that is not the lane's."""
        self._instruments.refused(error.reason, error.rows)
        return infer.refuse(error, call.request_id)

    async def message(self, context: Any) -> bytes:
        """Take the request's message.

        Raises:
            RefusedError: 400 if there is none, 413 if it is too long.
        """
        body = await context.read()
        if body is grpc.aio.EOF:
            await asyncio.sleep(_GONE_SECONDS)  # a call that has ended is cancelled here
            raise RefusedError(400, "form", "expected one message")
        self._instruments.received(len(body))
        if len(body) > self._message_bytes:
            raise RefusedError(413, "too_large", f"expected at most {self._message_bytes} bytes")
        message: bytes = body
        return message

    async def _predicted(self, dialect: Dialect, call: _Call, body: bytes) -> Answer:
        """Ask the lane; it hears of it if nobody waits any more."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def done(answer: Answer) -> None:
            if not future.done():
                future.set_result(answer)

        # No headers: a message was unpacked by core, whatever they say.
        call.ticket = self._lane.ask(dialect, body, {}, call.request_id, call.visit.deadline, done)
        try:
            return await future
        except asyncio.CancelledError:
            if call.ticket is not None:
                call.ticket.cancel()
            raise

    def _cancelled(self, context: Any) -> int:
        """Status of a call that ended before its answer."""
        if self.cut:
            return 503
        return 504 if context.time_remaining() == 0 else status.CLIENT_GONE


def address(peer: str) -> str:
    """Address of the other end, without its port.

    Args:
        peer: As core writes it: `ipv4:10.0.0.1:4000`, `ipv6:%5Bfe80::1%5D:4000`, `unix:`.
    """
    family, _, rest = peer.partition(":")
    if family == "ipv4":
        return rest.rpartition(":")[0]
    if family == "ipv6":
        return unquote(rest).rpartition(":")[0].strip("[]")
    return family


def _headers(context: Any) -> Headers:
    """Metadata as headers; core has them in lower case."""
    return {
        key.encode(): value if type(value) is bytes else value.encode()
        for key, value in context.invocation_metadata()
    }


def _request_id(headers: Headers) -> str:
    """Id of a call: its `x-request-id` if that is harmless, else a new one."""
    given = headers.get(b"x-request-id")
    if given is not None and _ID.match(given):
        return given.decode()
    return os.urandom(16).hex()
